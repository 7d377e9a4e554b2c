/** A machine whose disks have changed places, or were put back, since the capture before: bitmaps tell of another past then. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasProgram } from "@holdfast/storage/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LabCapture, SourceLab } from "../../src/testing/index.ts";
import { QmpConnection } from "../../src/vm/qmp/qmp-connection.ts";
import { vmDetail } from "../../src/vm/stored-facts.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";

const never = new AbortController().signal;
const identity = { kind: "vm", name: "web" };
const LONG_BYTES = 48 * 1024 * 1024;
const canRun = ["qemu-system-x86_64", "qemu-nbd", "qemu-img", "qemu-io"].every((name) => hasProgram(name));

describe.skipIf(!canRun)("disks", () => {
  let folder: string;
  let lab: SourceLab;
  let started: ChildProcess[];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "hf-vm-s-"));
    lab = await SourceLab.open();
    started = [];
    for (const [name, pattern] of [
      ["a", "0x61"],
      ["b", "0x62"],
    ] as const) {
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image(name), "8M"]);
      execFileSync("qemu-io", ["-f", "qcow2", "-c", `write -P ${pattern} 0 4M`, image(name)], { stdio: "ignore" });
    }
  });
  afterEach(async () => {
    for (const child of started) await ended(child);
    lab.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const image = (name: string): string => join(folder, `${name}.qcow2`);
  const qmp = (): string => join(folder, "qmp");

  /** A machine that never begins to run, with these disks in this order; QEMU calls them as it likes. */
  async function start(...names: string[]): Promise<ChildProcess> {
    rmSync(qmp(), { force: true });
    const words = ["-S", "-accel", "tcg", "-m", "64", "-nodefaults", "-display", "none"];
    const disks = names.flatMap((name) => ["-drive", `file=${image(name)},format=qcow2,if=virtio`]);
    const monitor = ["-qmp", `unix:${qmp()},server=on,wait=off`];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", "qemu-system-x86_64", ...words, ...monitor, ...disks]);
    started.push(child);
    for (let n = 0; n < 1200 && !existsSync(qmp()) && child.exitCode === null; n++) await sleep(50);
    return child;
  }

  async function ended(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  }

  /** In order, so that its bitmaps are written. */
  async function shutDown(child: ChildProcess): Promise<void> {
    const closed = once(child, "close");
    const monitor = await QmpConnection.open(qmp(), "test", { signal: never });
    await monitor.execute("quit", {}, { signal: never }).catch(() => {});
    monitor.close();
    await closed;
  }

  const capture = (settings: Record<string, unknown>): Promise<LabCapture> =>
    lab.capture(vmKind.open("web", vmKind.settings.parse(settings), lab.surroundings()), identity);

  /** By name, the image that the newest capture of a disk is the same as. */
  async function whichIs(...names: string[]): Promise<string[]> {
    const target = lab.newFolder();
    const captured = await lab.captured();
    await captured.extract(undefined, target, { signal: never });
    return names.map((name) => {
      const { file } = vmDetail(captured.facts).disks.find((disk) => disk.name === name) as { file: string };
      return ["a", "b"].filter((each) => isSame(image(each), join(target, file))).join();
    });
  }

  function isSame(qcow2: string, raw: string): boolean {
    const compare = ["compare", "-f", "qcow2", "-F", "raw", qcow2, raw];
    try {
      execFileSync("qemu-img", compare, { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  }

  test("that have changed places in a machine that runs are read as a whole, and are what they are", async () => {
    const child = await start("a", "b");
    await capture({ qmp: qmp(), agent: "none" });
    await shutDown(child);
    const again = await start("b", "a");
    const { warnings } = await capture({ qmp: qmp(), agent: "none" });
    expect(warnings.map(({ code }) => code)).toEqual(["bitmap-lost", "bitmap-lost"]);
    await shutDown(again);
    expect(await whichIs("virtio0", "virtio1")).toEqual(["b", "a"]);
  });

  test("that have changed places in a machine that does not run are read as a whole, and are what they are", async () => {
    const disks = [
      { path: image("a"), name: "virtio0" },
      { path: image("b"), name: "virtio1" },
    ];
    const child = await start("a", "b");
    await capture({ qmp: qmp(), agent: "none", disks });
    await shutDown(child);
    renameSync(image("a"), image("x"));
    renameSync(image("b"), image("a"));
    renameSync(image("x"), image("b"));
    const { warnings } = await capture({ disks });
    expect(warnings.map(({ code }) => code)).toEqual(["bitmap-lost", "bitmap-lost"]);
    expect(await whichIs("virtio0", "virtio1")).toEqual(["a", "b"]);
  });

  test("that were put back to a copy from before the machine was captured at rest are what they are now", async () => {
    const disks = [
      { path: image("a"), name: "virtio0" },
      { path: image("b"), name: "virtio1" },
    ];
    // Longer than some chunks, so that most of it is not read again.
    writeFileSync(join(folder, "raw"), randomBytes(LONG_BYTES));
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", join(folder, "raw"), image("a")]);
    const write = (what: string): void => {
      execFileSync("qemu-io", ["-f", "qcow2", "-c", what, image("a")], { stdio: "ignore" });
    };
    const child = await start("a", "b");
    await capture({ qmp: qmp(), agent: "none", disks });
    await shutDown(child);
    write("write -P 0x31 1M 64k");
    copyFileSync(image("a"), join(folder, "copy"));
    write("write -P 0x32 24M 64k");
    await capture({ disks });
    copyFileSync(join(folder, "copy"), image("a"));
    write("write -P 0x33 40M 64k");
    const { warnings } = await capture({ disks });
    expect(warnings).toEqual([]);
    expect(await whichIs("virtio0", "virtio1")).toEqual(["a", "b"]);
    // Only what may have changed is read, in a machine that runs as well.
    const again = await start("a", "b");
    expect((await capture({ qmp: qmp(), agent: "none", disks })).warnings).toEqual([]);
    expect(vmDetail((await lab.captured()).facts).disks).toMatchObject([
      { changedOnly: true },
      { changedOnly: true, readBytes: 0 },
    ]);
    expect(vmDetail((await lab.captured()).facts).disks[0]?.readBytes).toBeLessThan(LONG_BYTES / 2);
    await shutDown(again);
    expect(await whichIs("virtio0", "virtio1")).toEqual(["a", "b"]);
  });
});
