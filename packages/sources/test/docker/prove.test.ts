/** Proofs of containers: copies that are started by a real Podman, and what is said where none can be. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerKind } from "../../src/docker/docker-kind.ts";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import { type ProofReport, isProven } from "../../src/contract/source.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { canRunPodman, Podman } from "./podman.ts";

const never = new AbortController().signal;
/** Ends unless it finds its data. */
const READER = "cat /data/rows && exec sleep 10000";

describe.skipIf(!canRunPodman)("a proof of containers", () => {
  let lab: SourceLab;
  let podman: Podman;
  let captured: CapturedTree;
  let data: string;
  beforeAll(async () => {
    lab = await SourceLab.open();
    podman = await Podman.start();
    data = await podman.volume("data");
    writeFileSync(join(data, "rows"), "one");
    await podman.run("shop", {
      Cmd: ["/bin/sh", "-c", READER],
      HostConfig: { Binds: ["data:/data", `${podman.socket}:/engine`] },
    });
    await lab.capture(open(), { kind: "docker", name: "shop" });
    captured = await lab.captured();
  });
  afterAll(async () => {
    await podman.stop();
    lab.remove();
  });

  const open = (settings: Record<string, unknown> = {}) =>
    dockerKind.open("shop", dockerKind.settings.parse({ socket: podman.socket, ...settings }), lab.surroundings());
  const proveWith = (tree: CapturedTree, commands: Record<string, string[]>): Promise<ProofReport> =>
    open({ proof: { commands } }).prove(tree, { scratch: lab.newFolder(), onStep: () => {}, signal: never });
  const prove = (
    proof: Record<string, unknown>,
    settings: Record<string, unknown> = {},
    signal = never,
  ): Promise<ProofReport> =>
    open({ ...settings, proof: { "runs-for": "500ms", ...proof } }).prove(captured, {
      scratch: lab.newFolder(),
      onStep: () => {},
      signal,
    });
  const last = ({ checks }: ProofReport) => checks.at(-1);

  test("asks the started copy, which has the restored volumes, none of the machine's sockets, and no network", async () => {
    const words = "echo changed > /data/rows; ls /engine; cat /proc/net/dev";
    const report = await prove({ commands: { shop: ["/bin/sh", "-c", words] } });
    expect(last(report)).toMatchObject({ name: "a copy of container shop", passed: true });
    expect(last(report)?.detail).toMatch(/compressed; lo: [0 ]*; (.*; )?without the mount \/engine$/);
    expect(last(report)?.detail).toContain("/engine: No such file");
    expect(isProven(report)).toBe(true);
    expect(await podman.do("GET", "/containers/shop/json")).toMatchObject({ State: { Status: "running" } });
    expect(await podman.names()).toEqual(["shop"]);
  });

  test("fails where the command does, or the copy ends", async () => {
    const failed = await prove({ commands: { shop: ["/bin/sh", "-c", "echo broken; exit 4"] } });
    expect(last(failed)).toMatchObject({ passed: false, detail: expect.stringContaining("exit code 4: broken") });
    expect(failed.usableAfterMs).toBeUndefined();
    writeFileSync(join(data, "rows"), "");
    const kept = captured;
    await podman.do("DELETE", "/containers/shop?force=true");
    await podman.run("shop", {
      Cmd: ["/bin/sh", "-c", "[ -s /data/rows ] || [ -e /data/here ] || exit 7; exec sleep 10000"],
      HostConfig: { Binds: ["data:/data"] },
      start: false,
    });
    writeFileSync(join(data, "here"), "");
    await podman.do("POST", "/containers/shop/start");
    await lab.capture(open({ "exclude-binds": [] }), { kind: "docker", name: "shop" });
    captured = afterExtract(await lab.captured(), "volumes/data/_data/here", () => {});
    const ended = await prove({});
    expect(last(ended)).toMatchObject({ passed: false, detail: "it ended with exit code 7" });
    captured = kept;
  });

  test("without an engine, or where it is not to start anything, looks at files, and says so", async () => {
    const nowhere = await prove({}, { socket: join(lab.folder, "nowhere") });
    expect(isProven(nowhere)).toBe(true);
    expect(last(nowhere)?.detail).toMatch(/^nothing was started: .*nowhere is not there/);
    expect(last(await prove({ start: false }))?.detail).toBe("nothing was started: the setting proof.start says so");
  });

  test("mounts nothing of this machine into the copy, whatever the snapshot says", async () => {
    const linked = afterExtract(captured, "volumes/data/_data", (place) => symlinkSync("/etc", place));
    const report = await proveWith(linked, { shop: ["/bin/ls", "/data"] });
    expect(last(report)?.passed).toBe(false);
    expect(last(report)?.detail).toContain("without the mount /data");
  });

  test("removes the copy also when this process is killed", async () => {
    const temporary = lab.newFolder();
    // What the container needs to go on.
    mkdirSync(join(temporary, "volumes/data/_data"), { recursive: true });
    writeFileSync(join(temporary, "volumes/data/_data/here"), "");
    const task = JSON.stringify({ socket: podman.socket, name: "shop", temporary });
    const child = spawn(process.execPath, [join(import.meta.dirname, "hold-proof.ts"), task], { stdio: "ignore" });
    for (let n = 0; n < 600 && (await podman.names()).length < 2; n++) await sleep(50);
    expect(await podman.names()).toHaveLength(2);
    child.kill("SIGKILL");
    await once(child, "close");
    for (let n = 0; n < 600 && (await podman.names()).length > 1; n++) await sleep(50);
    expect(await podman.names()).toEqual(["shop"]);
  });

  test("that is aborted removes the copy", async () => {
    const abort = new AbortController();
    const reason = new Error("interrupted");
    const proving = prove({ "runs-for": "10m" }, {}, abort.signal);
    proving.catch(() => {});
    while ((await podman.names()).length < 2) await sleep(20);
    abort.abort(reason);
    await expect(proving).rejects.toBe(reason);
    expect(await podman.names()).toEqual(["shop"]);
  });
});

/** A capture as it would be with something else, or nothing, in a place. */
function afterExtract(tree: CapturedTree, place: string, put: (path: string) => void): CapturedTree {
  return {
    facts: tree.facts,
    list: (folder, options) => tree.list(folder, options),
    read: (path, options) => tree.read(path, options),
    spotCheck: (path, options) => tree.spotCheck(path, options),
    extract: async (path, folder, options) => {
      await tree.extract(path, folder, options);
      await rm(join(folder, place), { recursive: true });
      put(join(folder, place));
    },
  };
}
