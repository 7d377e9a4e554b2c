/** A copy of a container that is started on restored files, cut off from every network, and removed again. */
import { randomBytes } from "node:crypto";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isWithin } from "@holdfast/base";
import { withinLimit } from "../content/time-limit.ts";
import type { CallOptions } from "../contract/source.ts";
import type { Seen } from "../proofs/look-at.ts";
import { CONTAINER, CREATED, type EngineContainer, type EngineMount } from "./engine/answers.ts";
import { runInside } from "./engine/run-inside.ts";
import type { DockerSettings } from "./settings.ts";
import { PLACES, type StoredContainer } from "./stored-facts.ts";
import { UndoList, type UndoParts } from "./undo/undo-list.ts";

const POLL_MS = 200;
/** What the copy gets of the original's settings: none of its rights, devices, ports and networks. */
const KEPT_OF_HOST = ["Tmpfs", "ReadonlyRootfs", "ShmSize", "GroupAdd", "Init"];
const KEPT_OF_CONFIG = ["Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Healthcheck", "StopSignal", "Tty"];

export interface CopyParts {
  readonly undoing: UndoParts;
  readonly inspected: EngineContainer;
  readonly stored: StoredContainer;
  /** Where the capture was extracted to. */
  readonly scratch: string;
  readonly settings: DockerSettings;
}

/** Starts it, looks, and removes it, also when this process is killed. @throws as `EngineClient`, SOURCES_TOO_LONG */
export async function examineCopy(parts: CopyParts, options: CallOptions): Promise<Seen> {
  const { undoing, stored, settings } = parts;
  const { engine } = undoing;
  const name = `holdfast-proof-${randomBytes(6).toString("hex")}`;
  const { body, left } = await copyBody(parts);
  const undo = await UndoList.open(undoing);
  try {
    // By its name: also one that the engine makes after this process was killed is found by it.
    await undo.add({ container: name, name, undo: "remove" });
    const create = { method: "POST", path: ["containers", "create"], query: { name }, body } as const;
    const { Id: id } = await engine.json(CREATED, create, options);
    await engine.run({ path: ["containers", id, "start"] }, options);
    const what = `the copy of container ${stored.name}`;
    const limit = { ms: settings["time-limit"], what, source: engine.parts.source, setting: "time-limit" };
    const seen = await withinLimit(limit, (signal) => look(parts, id, { signal }), options);
    return { ...seen, detail: [seen.detail, ...left.map((mount) => `without the mount ${mount}`)].join("; ") };
  } finally {
    await undo.end();
  }
}

async function look(parts: CopyParts, id: string, options: CallOptions): Promise<Seen> {
  const { undoing, stored, settings } = parts;
  const words = settings.proof.commands[stored.name];
  if (words === undefined) return watch(parts, id, options);
  const ran = await runInside(undoing.engine, id, words, options).catch(async (error: unknown) => {
    options.signal.throwIfAborted();
    const ended = await endOf(parts, id, options);
    if (ended === undefined) throw error;
    return ended;
  });
  if ("passed" in ran) return ran;
  const { exitCode, said } = ran;
  if (exitCode === 0) return { passed: true, detail: said === "" ? "exit code 0" : said };
  return { passed: false, detail: `exit code ${exitCode}: ${said}` };
}

/** `undefined` while it runs. */
async function endOf({ undoing }: CopyParts, id: string, options: CallOptions): Promise<Seen | undefined> {
  const { State } = await undoing.engine.json(CONTAINER, { path: ["containers", id, "json"] }, options);
  return State.Running ? undefined : { passed: false, detail: `it ended with exit code ${State.ExitCode}` };
}

/** Until it is healthy, or, without a check of its health, as long as it has to run. */
async function watch({ undoing, settings }: CopyParts, id: string, { signal }: CallOptions): Promise<Seen> {
  const beganMs = performance.now();
  for (;;) {
    const path = ["containers", id, "json"];
    const { State, Config } = await undoing.engine.json(CONTAINER, { path }, { signal });
    if (!State.Running) return { passed: false, detail: `it ended with exit code ${State.ExitCode}` };
    const test = Config.Healthcheck?.Test ?? [];
    const health = test.length > 0 && test[0] !== "NONE" ? (State.Health?.Status ?? "starting") : undefined;
    if (health === "healthy" || health === "unhealthy") return { passed: health === "healthy", detail: health };
    const forMs = performance.now() - beganMs;
    if (health === undefined && forMs >= settings.proof["runs-for"]) {
      return { passed: true, detail: `it ran for ${(forMs / 1000).toFixed(1)} s` };
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** None of the machine's folders but restored copies, and never restarted: nothing that it does reaches what the original works with. */
async function copyBody({
  inspected,
  stored,
  scratch,
}: CopyParts): Promise<{ body: Readonly<Record<string, unknown>>; left: readonly string[] }> {
  const left: string[] = [];
  const binds: string[] = [];
  for (const mount of inspected.Mounts.filter(({ Type }) => Type !== "tmpfs")) {
    const from = await restoredAt(mount, scratch);
    if (from === undefined) left.push(mount.Destination);
    else binds.push(`${from}:${mount.Destination}${mount.RW ? "" : ":ro"}`);
  }
  const body = {
    ...picked(inspected.Config, KEPT_OF_CONFIG),
    Image: stored.imageId,
    Labels: { "holdfast.ignore": "true", "holdfast.proof": stored.name },
    HostConfig: {
      ...picked(inspected.HostConfig, KEPT_OF_HOST),
      Binds: binds,
      NetworkMode: "none",
      RestartPolicy: { Name: "no" },
    },
  };
  return { body, left };
}

function picked(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (from[name] ? [[name, from[name]]] : [])));
}

async function restoredAt({ Type, Name, Source }: EngineMount, scratch: string): Promise<string | undefined> {
  const isVolume = Type === "volume" && Name !== undefined;
  const place = isVolume ? join(scratch, PLACES.volumes, Name, PLACES.data) : join(scratch, PLACES.binds, Source);
  // What a snapshot says, and links in it, must not lead to the machine's own folders.
  const [real, within] = await Promise.all([realpath(place).catch(() => undefined), realpath(scratch)]);
  return real !== undefined && real !== within && isWithin(real, within) ? real : undefined;
}
