/** Files on Btrfs, read from a snapshot while somebody writes; on a file system made for the test. Only root may mount. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasProgram } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesKind } from "../../src/files/files-kind.ts";
import { type LabCapture, SourceLab } from "../../src/testing/index.ts";

const never = new AbortController().signal;
const identity = { kind: "files", name: "home" };
/** Two files that always hold the same number, written one after the other. */
const WRITER = `
  import { renameSync, writeFileSync } from "node:fs";
  const [, folder] = process.argv;
  for (let n = 0; ; n++) {
    for (const name of ["first", "second"]) {
      writeFileSync(folder + "/new", String(n));
      renameSync(folder + "/new", folder + "/" + name);
    }
    if (n === 0) process.stdout.write("writing");
  }`;

describe.skipIf(process.getuid?.() !== 0 || !hasProgram("mkfs.btrfs"))("a snapshot of Btrfs", () => {
  let lab: SourceLab;
  let mounted: string;
  let home: string;
  let writer: ChildProcess;

  beforeAll(async () => {
    lab = await SourceLab.open();
    const image = join(lab.newFolder(), "image");
    writeFileSync(image, "");
    truncateSync(image, 200 * 1024 * 1024);
    mounted = lab.newFolder();
    execFileSync("mkfs.btrfs", ["-q", image]);
    execFileSync("mount", ["-o", "loop", image, mounted]);
    home = join(mounted, "home");
    execFileSync("btrfs", ["subvolume", "create", home], { stdio: "ignore" });
    for (const name of ["kept", "left", "sub"]) mkdirSync(join(home, name));
    for (let n = 0; n < 10; n++) writeFileSync(join(home, "kept", `file ${n}`), `content ${n}`);
    writeFileSync(join(home, "left/file"), "left out");
    const args = ["--input-type=module", "-e", WRITER, home];
    writer = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(writer.stdout as NonNullable<typeof writer.stdout>, "data");
  });
  afterAll(async () => {
    writer.kill("SIGKILL");
    await once(writer, "close");
    execFileSync("umount", [mounted]);
    lab.remove();
  });

  const open = (settings: Record<string, unknown> = {}) =>
    filesKind.open(
      "home",
      filesKind.settings.parse({ paths: [home], snapshot: "btrfs", ...settings }),
      lab.surroundings(),
    );
  const capture = (settings: Record<string, unknown> = {}): Promise<LabCapture> =>
    lab.capture(open(settings), identity);
  const read = async (name: string): Promise<string> =>
    Buffer.concat(
      await Array.fromAsync((await lab.captured()).read(`root${home}/${name}`, { signal: never })),
    ).toString();
  const snapshots = (): string[] => readdirSync(home).filter((name) => name.startsWith(".holdfast"));

  test("shows all files at one moment, and is gone afterwards", async () => {
    for (let n = 0; n < 3; n++) {
      await capture();
      // The second is written after the first, and never is two ahead.
      const [first, second] = [Number(await read("first")), Number(await read("second"))];
      expect(first - second).toBeGreaterThanOrEqual(0);
      expect(first - second).toBeLessThanOrEqual(1);
      expect(snapshots()).toEqual([]);
    }
    expect((await lab.captured()).facts).toMatchObject({ consistency: "file-system", detail: { frozen: [home] } });
  });

  test("is left out by the patterns of the live paths, and compared with what was captured live", async () => {
    const settings = { paths: [join(home, "kept"), join(home, "left")], exclude: [join(home, "left/file")] };
    await capture({ ...settings, snapshot: "none" });
    const { result } = await capture(settings);
    // What is told of the capture itself is another each time.
    expect(result.counts).toMatchObject({ filesNew: 0, filesChanged: 1 });
    expect(result.filesDone).toBe(11);
    const left = await (await lab.captured()).list(`root${home}/left`, { signal: never });
    expect(left).toEqual([]);
    expect(snapshots()).toEqual([]);
  });

  test("that a killed run has left is removed by the next", async () => {
    execFileSync("btrfs", ["subvolume", "snapshot", "-r", home, join(home, ".holdfast-snapshot-home")], {
      stdio: "ignore",
    });
    await capture();
    expect(snapshots()).toEqual([]);
  });

  test("says which subvolumes are not part of it", async () => {
    const nested = join(home, "sub/nested");
    execFileSync("btrfs", ["subvolume", "create", nested], { stdio: "ignore" });
    const { warnings } = await capture();
    expect(warnings).toMatchObject([{ code: "nested-subvolume", message: expect.stringContaining("sub/nested") }]);
    execFileSync("btrfs", ["subvolume", "delete", nested], { stdio: "ignore" });
  });

  test("is removed also when the run that has made it is killed", async () => {
    const script = join(lab.newFolder(), "capture.ts");
    const from = JSON.stringify(join(import.meta.dirname, "../../src/files/files-kind.ts"));
    writeFileSync(
      script,
      `import { filesKind } from ${from};
      const settings = filesKind.settings.parse({ paths: [${JSON.stringify(home)}], snapshot: "btrfs" });
      const surroundings = { environment: process.env, hostname: "x", temporary: "/", secret: undefined };
      const source = filesKind.open("home", settings, surroundings);
      await source.capture({ signal: new AbortController().signal, onWarning() {} });
      process.stdout.write("captured");
      setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(snapshots()).toHaveLength(1);
    child.kill("SIGKILL");
    await once(child, "close");
    for (let n = 0; n < 500 && snapshots().length > 0; n++) await sleep(20);
    expect(snapshots()).toEqual([]);
  });

  test("takes what each path has, where none is asked for, and says which has none", async () => {
    const other = lab.newFolder();
    writeFileSync(join(other, "x"), "x");
    const { warnings } = await capture({ paths: [home, other], snapshot: "auto" });
    expect(warnings).toMatchObject([{ code: "no-snapshot", message: expect.stringContaining(other) }]);
    expect((await lab.captured()).facts).toMatchObject({ consistency: "none", detail: { frozen: [home] } });
    expect(existsSync(join(other, "x"))).toBe(true);
    expect(readFileSync(join(other, "x"), "utf8")).toBe("x");
  });
});
