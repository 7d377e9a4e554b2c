/** Captures of a machine that runs: increments, what is left of a killed one, and what stands in the way. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabCapture, SourceLab } from "../../src/testing/index.ts";
import { vmDetail } from "../../src/vm/stored-facts.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";
import { type Guest, canRunGuests, makeGuest } from "./guest.ts";
import { RunningGuest } from "./running-guest.ts";

const never = new AbortController().signal;
/** Emulated machines on a busy computer. */
const SLOW = 180_000;
const folder = mkdtempSync(join(tmpdir(), "hf-vm-c-"));
const identity = { kind: "vm", name: "web" };
let made: Guest;
let starts = 0;
beforeAll(() => {
  if (!canRunGuests) return;
  made = makeGuest(join(folder, "made"), { work: true });
}, SLOW);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function copyOfImages(name: string): Guest {
  const images = { first: join(folder, `${name}1.qcow2`), second: join(folder, `${name}2.qcow2`) };
  copyFileSync(made.first, images.first);
  copyFileSync(made.second, images.second);
  return images;
}

const start = (images: Guest): Promise<RunningGuest> => RunningGuest.start(images, join(folder, `g${starts++}`));

async function capture(into: SourceLab, settings: Record<string, unknown>): Promise<LabCapture> {
  return into.capture(vmKind.open("web", vmKind.settings.parse(settings), into.surroundings()), identity);
}

/** How much of each disk the newest capture has read, and whether that was only what had changed. */
async function readOf(into: SourceLab): Promise<Record<string, { bytes: number; changedOnly: boolean }>> {
  const { facts } = await into.captured();
  return Object.fromEntries(
    vmDetail(facts).disks.map(({ name, readBytes, changedOnly }) => [name, { bytes: readBytes, changedOnly }]),
  );
}

/** Throws unless the newest capture holds what the images show. */
async function assertSame(into: SourceLab, { first, second }: Guest): Promise<void> {
  const target = into.newFolder();
  await (await into.captured()).extract(undefined, target, { signal: never });
  for (const [name, image] of [
    ["system", first],
    ["data", second],
  ]) {
    const raw = join(target, "expected");
    execFileSync("qemu-img", ["convert", "-O", "raw", image as string, raw]);
    execFileSync("cmp", [raw, join(target, `disks/${name}.raw`)]);
  }
}

const disksOf = ({ first, second }: Guest): object[] => [
  { path: first, name: "system" },
  { path: second, name: "data" },
];

describe.skipIf(!canRunGuests)("increments", () => {
  let images: Guest;
  let guest: RunningGuest;
  let lab: SourceLab;
  let other: SourceLab;
  beforeAll(async () => {
    lab = await SourceLab.open();
    other = await SourceLab.open();
    images = copyOfImages("inc");
    guest = await start(images);
  }, SLOW);
  afterAll(async () => {
    lab.remove();
    other.remove();
    await guest.end("SIGKILL");
  });

  const settings = (): Record<string, unknown> => ({ qmp: guest.qmp, agent: "none", disks: disksOf(images) });

  test(
    "read only what has changed since the snapshot of the same repository, and hold what a full read would have given",
    { timeout: SLOW },
    async () => {
      expect((await capture(lab, settings())).warnings).toEqual([]);
      const full = await readOf(lab);
      expect(full).toMatchObject({ system: { changedOnly: false }, data: { changedOnly: false } });
      await guest.writesOn();
      await capture(other, settings());
      expect((await readOf(other))["system"]).toMatchObject({ changedOnly: false });
      await guest.writesOn();
      await guest.ask("stop");
      expect((await capture(lab, settings())).warnings).toEqual([]);
      await capture(other, settings());
      for (const each of [lab, other]) {
        const read = await readOf(each);
        expect(read["system"]?.changedOnly).toBe(true);
        expect(read["system"]?.bytes).toBeLessThan((full["system"]?.bytes as number) / 2);
        expect(read["data"]?.bytes).toBeLessThanOrEqual(1024 * 1024);
      }
      await guest.ask("quit").catch(() => {});
      await guest.end();
      await assertSame(lab, images);
      await assertSame(other, images);
    },
  );

  test("go on while the machine is stopped: nothing has changed, so nothing is read", { timeout: SLOW }, async () => {
    expect((await capture(lab, settings())).warnings).toEqual([]);
    const nothing = { bytes: 0, changedOnly: true };
    expect(await readOf(lab)).toEqual({ system: nothing, data: nothing });
    await assertSame(lab, images);
  });

  test("go on when it is started again, and leave no more bitmaps than they need", { timeout: SLOW }, async () => {
    guest = await start(images);
    await guest.writesOn();
    expect((await capture(lab, settings())).warnings).toEqual([]);
    expect((await readOf(lab))["system"]).toMatchObject({ changedOnly: true });
    // In each disk, of each repository: the one that its newest snapshot names, and the one before that.
    expect((await guest.bitmaps()).length).toBeLessThanOrEqual(2 * 4);
  });

  test(
    "are none after QEMU was killed: its bitmaps are inconsistent, or gone; all is read, and a warning says so",
    { timeout: SLOW },
    async () => {
      await guest.end("SIGKILL");
      for (const [each, reason] of [
        [lab, "is not in its image"],
        [other, "is inconsistent"],
      ] as const) {
        const { warnings } = await capture(each, settings());
        expect(warnings.map(({ code }) => code)).toEqual(["bitmap-lost", "bitmap-lost"]);
        expect(warnings[0]?.message).toContain(reason);
        expect(await readOf(each)).toMatchObject({ system: { changedOnly: false }, data: { changedOnly: false } });
        await assertSame(each, images);
      }
    },
  );
});

describe.skipIf(!canRunGuests)("a machine that runs", () => {
  let lab: SourceLab;
  let guest: RunningGuest;
  let images: Guest;
  beforeAll(async () => {
    lab = await SourceLab.open();
    images = copyOfImages("run");
    guest = await start(images);
  }, SLOW);
  afterAll(async () => {
    lab.remove();
    await guest.end("SIGKILL");
  });

  const settings = (more: Record<string, unknown> = {}) => ({ qmp: guest.qmp, agent: guest.agent, ...more });

  async function hold(task: object): Promise<{ child: ChildProcess; temporary: string }> {
    const temporary = lab.newFolder();
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "hold-capture.ts"), JSON.stringify({ ...task, temporary })],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    await once(child.stdout, "data");
    return { child, temporary };
  }

  async function kill(child: ChildProcess): Promise<void> {
    child.kill("SIGKILL");
    await once(child, "close");
  }

  test(
    "is frozen for the moment, and not longer; without an agent, or one that hangs, that is said",
    { timeout: SLOW },
    async () => {
      const frozen = await capture(lab, settings());
      expect(frozen.warnings).toEqual([]);
      expect((await lab.captured()).facts).toMatchObject({ consistency: "file-system", detail: { frozen: 1 } });
      expect(await guest.freezeStatus()).toBe("thawed");

      const silent = createServer((socket) => void socket.on("error", () => {}));
      silent.listen(join(folder, "silent"));
      const hanging = await capture(lab, settings({ agent: join(folder, "silent"), "freeze-time-limit": "1s" }));
      silent.close();
      expect(hanging.warnings.map(({ code }) => code)).toEqual(["not-frozen"]);
      expect((await lab.captured()).facts.consistency).toBe("crash");

      expect((await capture(lab, { qmp: guest.qmp })).warnings.map(({ code }) => code)).toEqual(["not-frozen"]);
      expect((await capture(lab, settings({ agent: "none" }))).warnings).toEqual([]);
      await guest.writesOn();
    },
  );

  test("is thawed, also when this process is killed while it is frozen", { timeout: SLOW }, async () => {
    const { child } = await hold({ freeze: { source: "source web", path: guest.agent, limitMs: 10_000 } });
    await kill(child);
    let status: unknown = "frozen";
    for (let n = 0; n < 100 && status === "frozen"; n++) {
      await sleep(100);
      status = await guest.freezeStatus();
    }
    expect(status).toBe("thawed");
    await guest.writesOn();
  });

  test(
    "keeps nothing of a capture that was killed in the middle, and is captured by one at a time",
    { timeout: SLOW },
    async () => {
      const { child, temporary } = await hold({ settings: settings() });
      expect(await captureCode(settings())).toBe("SOURCES_UNREACHABLE");
      await kill(child);
      await guest.until(async () => (await guest.leftovers()).length === 0);
      await guest.until(() => readdirSync(temporary).length === 0);
      await guest.writesOn();
    },
  );

  test(
    "is cleared by the next capture, when whoever should have done it was killed too",
    { timeout: SLOW },
    async () => {
      const { child, temporary } = await hold({ settings: settings() });
      const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
      for (const pid of children) process.kill(Number(pid), "SIGKILL");
      await kill(child);
      expect((await guest.leftovers()).length).toBeGreaterThan(0);
      await capture(lab, settings());
      expect(await guest.leftovers()).toEqual([]);
      expect(readdirSync(temporary)).toEqual([]);
      await guest.writesOn();
    },
  );

  test("whose NBD server serves somebody else is left alone", { timeout: SLOW }, async () => {
    const path = join(folder, "theirs");
    await guest.ask("nbd-server-start", { addr: { type: "unix", data: { path } } });
    expect(await captureCode(settings())).toBe("SOURCES_BUSY");
    expect(await guest.leftovers()).toEqual([]);
    await guest.ask("nbd-server-stop");
    await guest.writesOn();
  });

  test("is not captured by its images", { timeout: SLOW }, async () => {
    expect(await captureCode({ disks: disksOf(images) })).toBe("SOURCES_BUSY");
  });

  test(
    "goes on when there is no room for what it overwrites, and when that runs out in the middle",
    { timeout: SLOW },
    async () => {
      const disk = join(folder, "small");
      execFileSync("mkdir", [disk]);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=100m", "tmpfs", disk]);
      try {
        const filler = join(disk, "filler");
        execFileSync("fallocate", ["-l", "60m", filler]);
        expect(await captureCode(settings({ scratch: disk }))).toBe("SOURCES_NO_ROOM");
        rmSync(filler);
        const source = vmKind.open("web", vmKind.settings.parse(settings({ scratch: disk })), lab.surroundings());
        const running = await source.capture({ signal: never, onWarning: () => {} });
        execFileSync("fallocate", ["-l", "75m", filler]);
        await guest.until(async () => (await guest.leftovers()).length === 0);
        await expect(Array.fromAsync(running.entries)).rejects.toMatchObject({ code: "SOURCES_NO_ROOM" });
        await running.close();
        expect(readdirSync(disk)).toEqual(["filler"]);
        await guest.writesOn();
      } finally {
        execFileSync("umount", ["-l", disk]);
      }
    },
  );

  test("that ends in the middle of a capture makes no snapshot", { timeout: SLOW }, async () => {
    const before = await lab.snapshotCount();
    const source = vmKind.open("web", vmKind.settings.parse(settings()), lab.surroundings());
    const running = await source.capture({ signal: never, onWarning: () => {} });
    await guest.end("SIGKILL");
    await expect(
      Array.fromAsync(
        running.entries,
        async (entry) => entry.kind === "ranged" && Array.fromAsync(entry.read({ start: 0, end: entry.sizeBytes })),
      ),
    ).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
    await running.close().catch(() => {});
    expect(await lab.snapshotCount()).toBe(before);
    expect(existsSync(images.first)).toBe(true);
  });

  async function captureCode(changed: Record<string, unknown>): Promise<unknown> {
    return capture(lab, changed).then(
      () => "captured",
      (error: unknown) => (error as { code?: string }).code ?? error,
    );
  }
});
