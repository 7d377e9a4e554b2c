/** Proves containers: restores their volumes aside, and starts copies on them, cut off from every network. */
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withinLimit } from "../content/time-limit.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import { type Seen, lookAt } from "../proofs/look-at.ts";
import { CONTAINER, CREATED, type EngineContainer, type EngineMount } from "./engine/answers.ts";
import { runInside } from "./engine/run-inside.ts";
import { presentImage, storedContainer } from "./restore-containers.ts";
import type { DockerSettings } from "./settings.ts";
import { type DockerDetail, PLACES, type StoredContainer } from "./stored-facts.ts";
import { UndoList, type UndoParts } from "./undo/undo-list.ts";

const POLL_MS = 200;

export interface ProvingParts {
  readonly captured: CapturedTree;
  readonly detail: DockerDetail;
  readonly settings: DockerSettings;
  /** `undefined`: there is no engine here, and why. */
  readonly starting: UndoParts | { readonly reason: string };
}

/** @throws as `Source.prove` */
export async function proveContainers(parts: ProvingParts, { scratch, signal, onStep }: ProveOptions): Promise<ProofReport> {
  const beganMs = performance.now();
  const { captured, detail, settings, starting } = parts;
  const checks: ProofCheck[] = [];
  onStep("restoring volumes and bind mounts aside");
  checks.push(
    await lookAt("configuration, volumes and bind mounts are restored, every byte read again", { signal }, async () => {
      await captured.extract(undefined, scratch, { signal });
      return everythingThere(detail, scratch);
    }),
  );
  for (const { id, tags, file } of detail.images) {
    if (file === undefined) continue;
    const look = (): Promise<Seen> => archiveNames(captured, `${PLACES.images}/${file}`, { signal });
    checks.push(await lookAt(`the archive of image ${tags[0] ?? id}`, { signal }, look));
  }
  if (checks.some(({ passed }) => !passed)) return { checks, usableAfterMs: undefined };
  const filesAfterMs = performance.now() - beganMs;
  if ("reason" in starting || !settings.proof.start) {
    const why = "reason" in starting ? starting.reason : "the setting proof.start says so";
    onStep(`no container is started: ${why}`);
    checks.push(notStarted(why));
    return { checks, usableAfterMs: filesAfterMs };
  }
  for (const container of detail.containers.filter(({ wasRunning }) => wasRunning)) {
    const { engine } = starting;
    if ((await presentImage(engine, container.imageId, { signal })) === undefined) {
      checks.push(notStarted(`its image ${container.image} is not here`, container.name));
      continue;
    }
    onStep(`starting a copy of container ${container.name}, without network`);
    const look = (): Promise<Seen> => startCopy(parts, starting, container, { scratch, signal });
    checks.push(await lookAt(`a copy of container ${container.name}`, { signal }, look));
  }
  const isUsable = checks.every(({ passed }) => passed);
  return { checks, usableAfterMs: isUsable ? performance.now() - beganMs : undefined };
}

/** Not to have tried says nothing against the copy; that it was not tried must be seen. */
function notStarted(why: string, name?: string): ProofCheck {
  const what = name === undefined ? "containers: files only" : `container ${name}: files only`;
  return { name: what, passed: true, detail: `nothing was started: ${why}`, elapsedMs: 0 };
}

async function everythingThere(detail: DockerDetail, scratch: string): Promise<Seen> {
  const volumes = detail.volumes.filter(({ from }) => from !== undefined);
  const missing: string[] = [];
  let entries = 0;
  for (const { name } of volumes) {
    const found = await readdir(join(scratch, PLACES.volumes, name, PLACES.data), { recursive: true }).catch(() => undefined);
    if (found === undefined) missing.push(`volume ${name}`);
    else entries += found.length;
  }
  const configured = new Set(await readdir(join(scratch, PLACES.containers)).catch(() => []));
  for (const { name } of detail.containers) if (!configured.has(`${name}.json`)) missing.push(`container ${name}`);
  if (missing.length > 0) return { passed: false, detail: `missing: ${missing.join(", ")}` };
  const counts = `${detail.containers.length} containers, ${volumes.length} volumes with ${entries} entries`;
  return { passed: true, detail: `${counts}, ${detail.binds.length} bind mounts` };
}

/** An archive of an image has a manifest: its name stands at the beginning of a block of the tar. */
async function archiveNames(captured: CapturedTree, path: string, options: CallOptions): Promise<Seen> {
  let total = 0;
  let hasManifest = false;
  let block = Buffer.alloc(0);
  for await (const chunk of captured.read(path, options)) {
    total += chunk.length;
    block = Buffer.concat([block, chunk]);
    const whole = block.length - (block.length % BLOCK_BYTES);
    for (let at = 0; at < whole; at += BLOCK_BYTES) {
      hasManifest ||= block.toString("latin1", at, at + MANIFEST.length) === MANIFEST;
    }
    block = Buffer.from(block.subarray(whole));
  }
  return { passed: hasManifest, detail: `${total} bytes, ${hasManifest ? "with" : "without"} a manifest` };
}

const BLOCK_BYTES = 512;
const MANIFEST = "manifest.json\0";

async function startCopy(
  { captured, settings }: ProvingParts,
  undoing: UndoParts,
  stored: StoredContainer,
  { scratch, signal }: { scratch: string; signal: AbortSignal },
): Promise<Seen> {
  const { engine } = undoing;
  const inspected = await storedContainer(captured, stored.name, { signal });
  const name = `holdfast-proof-${randomBytes(6).toString("hex")}`;
  const { body, left } = await proofBody(inspected, stored, scratch);
  const undo = await UndoList.open(undoing);
  try {
    // By its name: also one that is made after this process was killed is found by it.
    await undo.add({ container: name, name, undo: "remove" });
    const create = { method: "POST", path: ["containers", "create"], query: { name }, body } as const;
    const { Id: id } = await engine.json(CREATED, create, { signal });
    await engine.run({ path: ["containers", id, "start"] }, { signal });
    const limit = {
      ms: settings["time-limit"],
      what: `the copy of container ${stored.name}`,
      source: engine.parts.source,
      setting: "time-limit",
    };
    const without = left.length === 0 ? "" : `; without ${left.join(", ")}`;
    const look = async (within: AbortSignal): Promise<Seen> => {
      const seen = await examine(id);
      within.throwIfAborted();
      return { ...seen, detail: seen.detail + without };
    };
    const examine = async (container: string): Promise<Seen> => {
      const words = settings.proof.commands[stored.name];
      if (words !== undefined) {
        const { exitCode, said } = await runInside(engine, container, words, { signal });
        return { passed: exitCode === 0, detail: exitCode === 0 ? said || "exit code 0" : `exit code ${exitCode}: ${said}` };
      }
      return watch(container);
    };
    const watch = async (container: string): Promise<Seen> => {
      const startedMs = performance.now();
      for (;;) {
        signal.throwIfAborted();
        const { State, Config } = await engine.json(CONTAINER, { path: ["containers", container, "json"] }, { signal });
        if (!State.Running) return { passed: false, detail: `it ended with exit code ${State.ExitCode}` };
        const hasHealth = (Config.Healthcheck?.Test ?? []).some((each) => each !== "NONE") && State.Health?.Status !== "";
        if (hasHealth && State.Health?.Status === "healthy") return { passed: true, detail: "healthy" };
        if (hasHealth && State.Health?.Status === "unhealthy") return { passed: false, detail: "unhealthy" };
        const forMs = performance.now() - startedMs;
        if (!hasHealth && forMs >= settings.proof["runs-for"]) {
          return { passed: true, detail: `it ran for ${(forMs / 1000).toFixed(1)} s` };
        }
        if (forMs > settings["time-limit"]) return { passed: false, detail: "it was not healthy within the time limit" };
        await sleep(POLL_MS);
      }
    };
    return await withinLimit(limit, look, { signal });
  } finally {
    await undo.end();
  }
}

/**
 * No network, no ports, no devices, none of the machine's folders but restored copies, no more rights than usual, and never restarted:
 * nothing that the copy does may reach what the original works with.
 */
async function proofBody(
  inspected: EngineContainer,
  stored: StoredContainer,
  scratch: string,
): Promise<{ body: Record<string, unknown>; left: readonly string[] }> {
  const { Config, HostConfig } = inspected;
  const left: string[] = [];
  const binds: string[] = [];
  for (const mount of inspected.Mounts) {
    const from = restoredAt(mount, scratch);
    const isThere = from !== undefined && (await readdir(join(from, "..")).catch(() => [])).includes(from.split("/").at(-1) ?? "");
    if (isThere) binds.push(`${from}:${mount.Destination}${mount.RW ? "" : ":ro"}`);
    else if (mount.Type !== "tmpfs") left.push(`the mount ${mount.Destination}`);
  }
  const kept = ["Tmpfs", "ReadonlyRootfs", "ShmSize", "GroupAdd", "Init"];
  const host = Object.fromEntries(kept.flatMap((name) => (HostConfig[name] ? [[name, HostConfig[name]]] : [])));
  const config = ["Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Healthcheck", "StopSignal", "Tty"];
  const given = Object.fromEntries(config.flatMap((name) => (Config[name] ? [[name, Config[name]]] : [])));
  const body = {
    ...given,
    Image: stored.imageId,
    Labels: { "holdfast.ignore": "true", "holdfast.proof": stored.name },
    NetworkDisabled: true,
    HostConfig: { ...host, Binds: binds, NetworkMode: "none", RestartPolicy: { Name: "no" } },
  };
  return { body, left };
}

function restoredAt({ Type, Name, Source }: EngineMount, scratch: string): string | undefined {
  if (Type === "volume" && Name !== undefined) return join(scratch, PLACES.volumes, Name, PLACES.data);
  return Type === "bind" ? join(scratch, PLACES.binds, Source) : undefined;
}
