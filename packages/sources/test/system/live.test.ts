/** The report on the machine that runs the tests: nothing of it is rebuilt here. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { SourceWarning } from "../../src/contract/source.ts";
import { readReport } from "../../src/system/capture/read-report.ts";
import { systemKind } from "../../src/system/system-kind.ts";
import { SourceLab } from "../../src/testing/index.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const never = new AbortController().signal;
const identity = { kind: "system", name: "live" };
const has = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
const said = (program: string, ...args: string[]): string[] =>
  execFileSync(program, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } })
    .trim()
    .split("\n");

describe("the machine that runs", () => {
  let lab: SourceLab;
  beforeAll(async () => {
    lab = await SourceLab.open();
  });
  afterAll(() => lab.remove());
  const settings = { paths: ["/etc/hostname", "/etc/passwd"], "package-files": "none" };
  const open = (changes: Record<string, unknown> = {}, environment: NodeJS.ProcessEnv = process.env) =>
    systemKind.open("live", systemKind.settings.parse({ ...settings, ...changes }), {
      ...lab.surroundings(),
      environment,
    });

  test.skipIf(!has("dpkg-query") || !has("systemctl"))("is told as its own tools tell it", async () => {
    const select = ["-W", "-f", "${Package} ${Architecture} ${Version} ${db:Status-Status}\n"];
    const packages = said("dpkg-query", ...select);
    const manual = said("apt-mark", "showmanual");
    const { warnings } = await lab.capture(open(), identity);
    const report = await readReport(await lab.captured(), { signal: never });
    const lines = (file: string): string[] => (report.get(file) ?? "").trim().split("\n");
    const isSteady = said("dpkg-query", ...select).join() === packages.join();
    // Somebody may be installing packages while this runs.
    if (isSteady) {
      expect(lines("packages.txt").sort()).toEqual(packages.sort());
      expect(
        lines("packages-manual.txt")
          .map((line) => line.split(" ")[0] ?? "")
          .sort(),
      ).toEqual(manual.map((line) => line.split(":")[0] ?? "").sort());
      const units = said("systemctl", "--root=/", "list-unit-files", "--no-legend", "--no-pager");
      expect(lines("units.txt").sort()).toEqual(
        units.map((line) => line.trim().split(/\s+/).slice(0, 2).join(" ")).sort(),
      );
    }
    expect(lines("users.txt")).toHaveLength(readFileSync("/etc/passwd", "utf8").trim().split("\n").length);
    expect(report.get("os.txt")).toContain(`HOSTNAME="${readFileSync("/etc/hostname", "utf8").trim() || hostname()}"`);
    expect(report.get("kernel.txt")?.trim()).toBe(said("uname", "-r")[0]);
    const interfaces = JSON.parse(report.get("network-addresses.json") ?? "[]") as { ifname: string }[];
    expect(interfaces.map(({ ifname }) => ifname)).toContain("lo");
    expect(JSON.parse(report.get("disks.json") ?? "")).toHaveProperty("blockdevices");
    // Whatever is not in the report is named, and what matters is a warning, too.
    const unread = lines("unread.txt").map((line) => line.split(":")[0]);
    for (const file of ["firewall-nft.txt", "pci.txt", "boot-entries.txt"]) {
      expect(report.has(file) || unread.includes(file), file).toBe(true);
    }
    expect(warnings.every(({ code }) => ["topic-unread", "disk-unread", "packages-unfinished"].includes(code))).toBe(
      true,
    );
  });

  test("without a program that matters is captured with a warning that names it", async () => {
    const warnings: SourceWarning[] = [];
    const bin = lab.newFolder();
    // The folders of administrators are looked into, too: only a program that says no keeps lsblk from being found there.
    writeFileSync(join(bin, "lsblk"), "#!/bin/sh\necho not permitted >&2\nexit 32\n", { mode: 0o755 });
    const source = open({}, { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` });
    warnings.push(...(await lab.capture(source, identity)).warnings);
    expect(warnings.map(({ message }) => message).join("\n")).toMatch(/lacks block devices.*not permitted/);
    const report = await readReport(await lab.captured(), { signal: never });
    expect(report.get("unread.txt")).toMatch(/^disks\.json: lsblk failed .*not permitted$/m);
  });

  // lsblk is simulated by a script that names a file as a device, as containers have no encrypted disks; the header is a real one.
  test.skipIf(!has("cryptsetup"))("headers of encrypted disks are stored as secrets, and can be put back", async () => {
    const work = lab.newFolder();
    const [disk, bin] = [join(work, "disk"), join(work, "bin")];
    mkdirSync(bin);
    writeFileSync(disk, "");
    truncateSync(disk, 20 * 1024 * 1024);
    const luks = (...args: string[]): void => {
      execFileSync("cryptsetup", ["-q", "--key-file", "-", ...args], {
        input: "passphrase",
        stdio: ["pipe", "ignore", "inherit"],
      });
    };
    luks("luksFormat", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", disk);
    const listed = { blockdevices: [{ name: "vdx", path: disk, type: "disk", size: 20971520, fstype: "crypto_LUKS" }] };
    writeFileSync(join(bin, "lsblk"), `#!/bin/sh\ncat <<'END'\n${JSON.stringify(listed)}\nEND\n`);
    chmodSync(join(bin, "lsblk"), 0o755);
    const source = open({}, { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` });
    await lab.capture(source, identity);
    const target = join(lab.newFolder(), "report");
    const silent = { onWarning: () => {}, onStep: () => {} };
    await source.restore(await lab.captured(), { ...silent, form: "report", folder: target, signal: never });
    const header = join(target, "luks-headers/vdx.img");
    expect(statSync(header).mode & 0o777).toBe(0o600);
    execFileSync("dd", ["if=/dev/zero", `of=${disk}`, "bs=1M", "count=4", "conv=notrunc"], { stdio: "ignore" });
    luks("luksHeaderRestore", disk, "--header-backup-file", header);
    luks("open", "--test-passphrase", disk);
  });
});
