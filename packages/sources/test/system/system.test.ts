/** The kind `system`, with Debian systems that are made here: captured from their folders, and rebuilt in a root of their own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import type { ProofReport, SourceWarning } from "../../src/contract/source.ts";
import { Programs } from "../../src/programs/programs.ts";
import { readReport } from "../../src/system/capture/read-report.ts";
import { inRoot } from "../../src/system/proof/namespaces.ts";
import { systemKind } from "../../src/system/system-kind.ts";
import { SourceLab, sourceConformance } from "../../src/testing/index.ts";
import { HOSTILE_JSON, HOSTILE_LINES, withReport } from "./changed-report.ts";
import { canMakeSystems, inSystem, makeBase, makeHost, unpack } from "./made-host.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "system", name: "host" };

describe.skipIf(!canMakeSystems())("a Debian system", () => {
  // dpkg writes many small files: memory, where there is some.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "hf-system-"));
  const base = join(folder, "base.tar");
  const original = join(folder, "original");
  let lab: SourceLab;
  let madeBy: string;

  beforeAll(async () => {
    madeBy = await makeBase(base, folder);
    makeHost(base, original);
    lab = await SourceLab.open();
  });
  afterAll(() => {
    lab.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (settings: Record<string, unknown> = {}) =>
    systemKind.open(
      "host",
      systemKind.settings.parse({ root: original, prove: { base }, ...settings }),
      lab.surroundings(),
    );
  const scratchFolder = (): string => mkdtempSync(join(folder, "scratch-"));
  const capture = async (settings: Record<string, unknown> = {}): Promise<CapturedTree> => {
    await lab.capture(open(settings), identity);
    return lab.captured();
  };
  // Nothing changes the original, so one capture and one rebuild will do for most.
  let usual: Promise<CapturedTree> | undefined;
  const captured = (): Promise<CapturedTree> => (usual ??= capture());
  let written: Promise<string> | undefined;
  const writeRebuild = async (): Promise<string> => {
    const target = join(scratchFolder(), "rebuild");
    const options = { ...silent, form: "rebuild", folder: target, signal: never };
    await open().restore(await captured(), options);
    return target;
  };
  const usualRebuild = (): Promise<string> => (written ??= writeRebuild());
  const runRebuild = (root: string, rebuildFolder: string, ...words: string[]): Promise<string> => {
    const programs = new Programs({ source: "test", environment: process.env });
    const call = inRoot({ root, rebuild: rebuildFolder, proxies: [] }, ["/holdfast-rebuild/rebuild.sh", ...words]);
    return programs.text(call, { signal: never });
  };
  const isUnmounted = (): boolean => !readFileSync("/proc/self/mountinfo", "utf8").includes(folder);

  sourceConformance(systemKind, async (parts) => ({
    settings: { root: original, prove: { base, packages: "simulate" } },
    broken: [
      { what: "no such folder", settings: { root: join(parts.folder, "absent") }, code: "SOURCES_SETTINGS" },
      { what: "no system in it", settings: { root: parts.folder }, code: "SOURCES_SETTINGS" },
    ],
    destroy: async () => renameSync(original, `${original}-destroyed`),
    target: { form: "rebuild" },
    async assertRestored(restored) {
      const names = ["data", "files", "layout.json", "rebuild.sh", "remaining.txt", "report"];
      expect(readdirSync(restored).sort()).toEqual(names);
      expect(statSync(restored).mode & 0o777).toBe(0o700);
      renameSync(`${original}-destroyed`, original);
    },
    isQuiet: async () => isUnmounted(),
    close: async () => {},
  }));

  test("is rebuilt on a blank one: packages, users, services, crontabs and files are the same again", async () => {
    const scratch = scratchFolder();
    const blank = join(scratchFolder(), "blank");
    unpack(base, blank);
    const report = await open().prove(await captured(), { ...silent, scratch, signal: never });
    expect(failed(report)).toEqual([]);
    expect(report.checks.map(({ name }) => name)).toEqual([
      "a blank system",
      "rebuild.sh",
      "packages",
      "versions of packages",
      "marks of packages",
      "states of units",
      "repositories",
      "users",
      "groups",
      "enabled services",
      "crontabs",
      "files",
    ]);
    const detail = (name: string): string | undefined => report.checks.find((check) => check.name === name)?.detail;
    const installed = inSystem(original, "dpkg-query -W -f '${db:Status-Status}\\n' | grep -c '^installed'").trim();
    expect([madeBy, detail("a blank system")]).toEqual(["mmdebstrap", `bookworm, made by the tar file ${base}`]);
    expect(detail("packages")).toBe(`${installed} packages as in the report`);
    expect(detail("files")).toMatch(
      /^\d+ files .* 1 that the original had deleted; .*disks \d+, network 2, identity 3/,
    );
    const root = join(scratch, "root");
    const at = (path: string) => statSync(join(root, path));
    const select =
      "dpkg-query -W -f '${Package} ${Architecture} ${Version} ${Status}\\n'; apt-mark showmanual; apt-mark showhold";
    expect(inSystem(root, select)).toBe(inSystem(original, select));
    expect([at("usr/bin/crontab").gid, at("usr/bin/crontab").mode & 0o7777]).toEqual([777, 0o2755]);
    expect([at("usr/bin/rsync").gid, at("usr/bin/rsync").mode & 0o7777]).toEqual([1600, 0o750]);
    expect([at("opt/app/.env").uid, at("opt/app/.env").gid]).toEqual([42, 1600]);
    expect(readFileSync(join(root, "etc/shadow"), "utf8")).toContain("alice:$6$salt$abcdefghijklmnop:");
    expect(readFileSync(join(root, "usr/share/common-licenses/BSD"), "utf8")).toMatch(/changed\n$/);
    expect(readlinkSync(join(root, "etc/systemd/system/apt-daily.timer"))).toBe("/dev/null");
    for (const gone of [
      "etc/logrotate.d/apt",
      "etc/systemd/system/timers.target.wants/fstrim.timer",
      "usr/sbin/policy-rc.d",
    ]) {
      expect(existsSync(join(root, gone)), gone).toBe(false);
    }
    expect(existsSync(join(root, "home/bob"))).toBe(true);
    // A look at everything, by other means: nothing else is different.
    const [before, after] = [original, root].map((of) => new Set(fingerprint(of))) as [Set<string>, Set<string>];
    const other = [
      ...[...before].filter((line) => !after.has(line)).map((line) => `was there: ${line}`),
      ...[...after].filter((line) => !before.has(line)).map((line) => `is there: ${line}`),
    ].filter((line) => !KNOWN_DIFFERENCES.test(line));
    expect(other).toEqual([]);
    // What makes the original itself is not taken over.
    expect(existsSync(join(root, "etc/ssh/ssh_host_ed25519_key"))).toBe(false);
    const machineId = (of: string): string | undefined =>
      existsSync(join(of, "etc/machine-id")) ? readFileSync(join(of, "etc/machine-id"), "utf8") : undefined;
    expect(machineId(root)).toBe(machineId(blank));
    expect(readFileSync(join(root, "etc/hostname"), "utf8")).toBe(readFileSync(join(blank, "etc/hostname"), "utf8"));
    expect(existsSync(join(root, "root/.cache/left-out"))).toBe(false);
    expect(isUnmounted()).toBe(true);
  });

  test("is rebuilt over one that has users of its own, whose ids and files give way; a second run changes nothing", async () => {
    const folderOfRebuild = await usualRebuild();
    const root = join(scratchFolder(), "root");
    unpack(base, root);
    inSystem(
      root,
      `groupadd -g 1600 mine; useradd -u 1500 -g mine -m local; echo x > /home/local/file; chown local:mine /home/local/file
       cp /bin/true /home/local/tool; chown local:mine /home/local/tool; chmod 6755 /home/local/tool
       ln -s /dev/null /etc/logrotate.d/own-link
       printf '127.0.0.1 localhost\\n' > /etc/hosts; cp /etc/hosts /etc/hosts.before`,
    );
    for (const path of ["/etc/hosts", "/etc/resolv.conf"]) {
      if (existsSync(path)) writeFileSync(join(root, path), readFileSync(path));
    }
    const before = fingerprint(root);
    expect(await runRebuild(root, folderOfRebuild)).toContain("Nothing was changed so far");
    expect(fingerprint(root)).toEqual(before);

    await runRebuild(root, folderOfRebuild, "--yes");
    const users = readFileSync(join(root, "etc/passwd"), "utf8");
    expect(users).toMatch(/^alice:x:1500:1600:/m);
    const [, uid, gid] = /^local:x:(\d+):(\d+):/m.exec(users) ?? [];
    expect([uid, gid]).not.toContain("1500");
    expect([uid, gid]).not.toContain("1600");
    const tool = statSync(join(root, "home/local/tool"));
    expect([`${tool.uid}`, `${tool.gid}`, tool.mode & 0o7777]).toEqual([uid, gid, 0o6755]);
    const after = fingerprint(root);
    expect(readlinkSync(join(root, "etc/logrotate.d/own-link"))).toBe("/dev/null");
    // As a package does that enables what it brings, and that the original had disabled.
    symlinkSync("../cron.daily/dpkg", join(root, "etc/logrotate.d/enabled"));
    await runRebuild(root, folderOfRebuild, "--yes");
    expect(fingerprint(root)).toEqual(after);

    // Only when it was told that the original is gone does it become that.
    const held = ["etc/machine-id", "etc/ssh/ssh_host_ed25519_key", "etc/hostname", "etc/network/interfaces"];
    const isOriginal = (path: string): boolean =>
      existsSync(join(root, path)) &&
      readFileSync(join(root, path), "utf8") === readFileSync(join(original, path), "utf8");
    expect(held.filter(isOriginal)).toEqual([]);
    await runRebuild(root, folderOfRebuild, "--yes", "--replaces-original", "--with-network");
    expect(held.filter(isOriginal)).toEqual(held);
    expect(isOriginal("etc/fstab")).toBe(false);
  });

  test("that is of another release is not rebuilt over, and nothing is changed", async () => {
    const folderOfRebuild = await usualRebuild();
    const root = join(scratchFolder(), "root");
    unpack(base, root);
    const release = join(root, "usr/lib/os-release");
    writeFileSync(release, readFileSync(release, "utf8").replace("CODENAME=bookworm", "CODENAME=trixie"));
    const before = fingerprint(root);
    await expect(runRebuild(root, folderOfRebuild, "--yes")).rejects.toThrow(/was bookworm, and this is trixie/);
    expect(fingerprint(root)).toEqual(before);
  });

  test("whose report was changed by somebody else is rebuilt without the lines that are none, which are named", async () => {
    const tree = await captured();
    const honest = await readReport(tree, { signal: never });
    const texts = Object.entries(HOSTILE_LINES).map(([file, lines]): [string, string] => {
      return [file, `${honest.get(file) ?? ""}${lines.join("\n")}\n`];
    });
    const folderOfRebuild = join(scratchFolder(), "rebuild");
    const options = { ...silent, form: "rebuild", folder: folderOfRebuild, signal: never };
    const { remaining } = await open().restore(
      withReport(tree, { ...Object.fromEntries(texts), ...HOSTILE_JSON }),
      options,
    );
    expect(remaining.filter((line) => line.startsWith("Lines of the report")).join("\n")).toMatch(
      /users\.txt, .*groups\.txt, .*architectures\.txt/,
    );
    expect(remaining.join("\n")).not.toMatch(/\p{C}(?<!\n)/u);

    const root = join(scratchFolder(), "root");
    unpack(base, root);
    await runRebuild(root, folderOfRebuild, "--yes", "--simulate-packages");
    expect(existsSync(join(root, "pwned"))).toBe(false);
    const users = readFileSync(join(root, "etc/passwd"), "utf8");
    expect(users.match(/^(alice|bob|appd):/gm)).toHaveLength(3);
    expect(users).not.toMatch(/pwned|^root2|^team2|^-n|^big/m);
    expect(
      inSystem(root, "dpkg-statoverride --list; dpkg --print-foreign-architectures; dpkg-divert --list"),
    ).not.toMatch(/pwned|nobody-has-this|local diversion of (?!\/usr\/bin\/who )/);
    // What a person would copy from the script's comments runs nothing either.
    expect(readFileSync(join(folderOfRebuild, "rebuild.sh"), "utf8")).not.toMatch(
      /(mkfs|sfdisk|cryptsetup)[^\n]*(pwned|\.\.)/,
    );
  });

  test.for([
    ["os.txt", 'VERSION_CODENAME=--customize-hook=touch\nARCHITECTURE="amd64"\n'],
    ["os.txt", 'VERSION_CODENAME=bookworm\nARCHITECTURE="$(x)"\n'],
    ["packages.txt", "--help amd64 1 installed\n"],
    ["packages.txt", "apt $(x) 1 installed\n"],
    ["disks.json", "{"],
    ["disks.json", '{"blockdevices":[{"path":1}]}'],
    ["network-addresses.json", "{}"],
  ])("whose report cannot be meant is refused: %s %s", async ([file = "", text = ""]) => {
    const tree = withReport(await captured(), { [file]: text });
    const folderOfRebuild = join(scratchFolder(), "rebuild");
    const rebuild = open().restore(tree, { ...silent, form: "rebuild", folder: folderOfRebuild, signal: never });
    await expect(rebuild).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
    const proof = open({ prove: {} }).prove(tree, { ...silent, scratch: scratchFolder(), signal: never });
    await expect(proof).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
  });

  test("whose file of passwords is a link takes no passwords of the machine that writes the rebuild", async () => {
    const root = join(scratchFolder(), "linked");
    mkdirSync(join(root, "var/lib/dpkg"), { recursive: true });
    mkdirSync(join(root, "etc"));
    const own = join(scratchFolder(), "shadow");
    writeFileSync(own, "root:$6$of$this-machine:1::::::\n");
    symlinkSync(own, join(root, "etc/shadow"));
    writeFileSync(join(root, "etc/os-release"), "VERSION_CODENAME=bookworm\n");
    writeFileSync(join(root, "var/lib/dpkg/status"), readFileSync(join(original, "var/lib/dpkg/status")));
    writeFileSync(join(root, "var/lib/dpkg/arch"), "amd64\n");
    const target = join(scratchFolder(), "rebuild");
    const settings = { root, "package-files": "none" };
    await open(settings).restore(await capture(settings), {
      ...silent,
      form: "rebuild",
      folder: target,
      signal: never,
    });
    expect(readFileSync(join(target, "data/shadow"), "utf8")).toBe("");
  });

  test("with packages that no repository has is not proven, until they are left to a person", async () => {
    const changed = join(scratchFolder(), "changed");
    execFileSync("cp", ["-a", original, changed]);
    const status = join(changed, "var/lib/dpkg/status");
    const own =
      "\nPackage: own-tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\nDescription: own\n";
    const text = readFileSync(status, "utf8").replace(/(Package: rsync\n[^]*?Version: )\S+/, "$13.2.0-0");
    writeFileSync(status, `${text.trimEnd()}\n${own}`);
    const settings = { root: changed, prove: { base, packages: "simulate" } };
    const tree = await capture(settings);
    const prove = (more: Record<string, unknown>) =>
      open({ ...settings, ...more }).prove(tree, { ...silent, scratch: scratchFolder(), signal: never });
    const without = await prove({});
    expect(failed(without)).toEqual([
      expect.stringMatching(/^packages, simulated: 1 of \d+ .* own-tool all is in no repository/),
    ]);
    const left = await prove({ "without-packages": ["own-tool"] });
    expect(failed(left)).toEqual([]);
    expect(left.checks.find(({ name }) => name === "packages, simulated")?.detail).toContain(
      "1 would get another version",
    );
    expect(isUnmounted()).toBe(true);
  });

  test("with a package that cannot be installed gets all others, those of lost versions in the newest, and says so", async () => {
    const changed = join(scratchFolder(), "changed");
    execFileSync("cp", ["-a", original, changed]);
    // Repositories of this machine alone: one package needs another that nobody has any more, one is there in a newer version only.
    inSystem(changed, OWN_REPOSITORY);
    const settings = { root: changed, prove: { base } };
    const tree = await capture(settings);
    const scratch = scratchFolder();
    const report = await open(settings).prove(tree, { ...silent, scratch, signal: never });
    expect(failed(report).map((line) => line.split(":")[0])).toEqual(["packages"]);
    const detail = (name: string): string | undefined => report.checks.find((check) => check.name === name)?.detail;
    expect(detail("packages")).toMatch(/2 of \d+ .*needs-lost all .*lost all|2 of \d+ .*lost all .*needs-lost all/);
    expect(detail("versions of packages")).toMatch(/1 of another version/);
    expect(report.checks.find(({ name }) => name === "files")).toMatchObject({ passed: true });
    const root = join(scratch, "root");
    const shown = inSystem(root, "dpkg-query -W -f '${Package} ${Version}\\n' moved-on kept rsync");
    expect(shown).toMatch(/^kept 1.0\nmoved-on 2.0\nrsync /m);
    const notes = (name: string): string => readFileSync(join(root, "var/lib/holdfast-rebuild", name), "utf8");
    expect(notes("unavailable.txt")).toBe("lost all 1.0\n");
    expect(notes("not-installed.txt")).toBe("needs-lost all 1.0\n");
    expect(notes("other-version.txt")).toBe("moved-on all 1.0 2.0\n");
  });

  test("runs scripts of packages in a root that they cannot leave, with no device and no setting of this machine", async () => {
    const root = join(scratchFolder(), "root");
    unpack(base, root);
    const attempts = {
      "makes a device": "mknod /tmp/disk b 7 0",
      "mounts all devices": "mkdir /tmp/all && mount -t devtmpfs none /tmp/all",
      "mounts settings of the kernel": "mkdir /tmp/k && mount -t sysfs none /tmp/k",
      "names a program for core dumps": "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern",
      "asks the kernel for something": "printf '' > /proc/sysrq-trigger",
      "takes another root": "chroot / true",
      "changes the clock": 'date -s "$(date)"',
    };
    const script = Object.entries(attempts).map(([what, how]) => `( ${how} ) > /dev/null 2>&1 && echo '${what}'`);
    const programs = new Programs({ source: "test", environment: process.env });
    const words = [
      "/bin/sh",
      "-c",
      [...script, "echo at work", "chown 42:42 /tmp && chmod 2755 /tmp && id -u"].join("\n"),
    ];
    const call = inRoot({ root, rebuild: scratchFolder(), proxies: [] }, words);
    expect(await programs.text(call, { signal: never })).toBe("at work\n0\n");
  });

  test("is not proven where it does not fit, and nothing is written there", async () => {
    const scratch = scratchFolder();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", scratch]);
    try {
      const proof = open().prove(await captured(), { ...silent, scratch, signal: never });
      await expect(proof).rejects.toMatchObject({ code: "SOURCES_NO_ROOM" });
      expect(readdirSync(scratch)).toEqual([]);
    } finally {
      execFileSync("umount", [scratch]);
    }
  });

  test("is not restored without a folder that somebody has named, or with settings that say nothing for it", async () => {
    const source = systemKind.open("host", systemKind.settings.parse({ root: original }), lab.surroundings());
    const tree = await captured();
    const restore = (options: object) => source.restore(tree, { ...silent, signal: never, ...options });
    for (const form of source.forms) {
      await expect(restore({ form: form.name })).rejects.toMatchObject({ code: "SOURCES_NO_FOLDER" });
    }
    const folderOfRestore = join(scratchFolder(), "x");
    const other = restore({ folder: folderOfRestore, settings: { root: "/" } });
    await expect(other).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
    expect(existsSync(folderOfRestore)).toBe(false);
  });

  test("of which not all could be compared or stored is captured with warnings that say so", async () => {
    const codes = async (settings: object): Promise<string[]> =>
      (await lab.capture(open({ ...settings }), identity)).warnings.map(({ code }) => code);
    expect(await codes({ "package-files-time-limit": "0s" })).toEqual(["package-files-late"]);
    expect(await codes({ "package-files-size": "10" })).toEqual(["package-files-large"]);
  });

  test("a blank system that is none does not prove anything", async () => {
    const broken = join(scratchFolder(), "broken.tar");
    writeFileSync(broken, "no tar file");
    const report = await open({ prove: { base: broken } }).prove(await captured(), {
      ...silent,
      scratch: scratchFolder(),
      signal: never,
    });
    expect(failed(report)).toEqual([expect.stringMatching(/^a blank system: tar failed/)]);
    expect(report.usableAfterMs).toBeUndefined();
  });

  test.for(["abort", "kill"] as const)("a proof that is ended by %s leaves no mount and no process", async (how) => {
    const scratch = scratchFolder();
    const tree = await captured();
    if (how === "abort") {
      const abort = new AbortController();
      const onStep = (step: string): void => {
        if (step === "rebuild: packages") abort.abort(new Error("enough"));
      };
      await expect(open().prove(tree, { scratch, signal: abort.signal, onStep })).rejects.toThrow("enough");
    } else {
      const folderOfRebuild = await usualRebuild();
      const root = join(scratch, "root");
      unpack(base, root);
      const child = startRebuild(root, folderOfRebuild);
      await until(() => processesIn(root).length > 2);
      child.kill("SIGKILL");
    }
    await until(() => processesIn(join(scratch, "root")).length === 0);
    expect(isUnmounted()).toBe(true);
  });

  test("a report on what has not changed is the same, byte for byte, and tells what has", async () => {
    const first = await readReport(await captured(), { signal: never });
    const second = await readReport(await capture(), { signal: never });
    expect([...second]).toEqual([...first]);
    expect(first.get("conffiles.txt")).toMatch(/^changed \/etc\/default\/cron [0-9a-f]{32}$/m);
    expect(first.get("conffiles.txt")).toMatch(/^missing \/etc\/logrotate\.d\/apt$/m);
    const others = first.get("local-files.txt") ?? "";
    expect(others).toMatch(/^changed \/usr\/share\/common-licenses\/BSD [0-9a-f]{32}$/m);
    expect(others).toMatch(/^unowned \/usr\/share\/app\/ 1 files, 19 bytes$/m);
    expect(others).toMatch(/^unowned \/usr\/bin\/app-link -> \/usr\/local\/bin\/app$/m);
    // Nothing else was done to /usr: what triggers and scripts of packages make is not taken for a change.
    expect(others).toMatch(/^unowned \/usr\/bin\/who [0-9a-f]{32}$/m);
    expect(others.trim().split("\n")).toHaveLength(4);
    expect(first.get("unread.txt")).toMatch(/^disks\.json: only a system that runs can be asked$/m);
    expect(first.get("users.txt")).toMatch(/^alice:password:1500:1600:Alice Example:\/home\/alice:\/bin\/bash$/m);
    expect(first.get("timers.txt")).toMatch(/^app\.timer enabled OnCalendar=hourly$/m);
    expect(first.get("packages-held.txt")).toBe("rsync amd64\n");
    expect(first.get("packages-manual.txt")).not.toMatch(/^rsync /m);
  });

  test("units are enabled as systemctl says", async () => {
    const report = await readReport(await captured(), { signal: never });
    const listed = execFileSync("systemctl", [`--root=${original}`, "list-unit-files", "--no-legend", "--no-pager"], {
      encoding: "utf8",
    });
    const said = listed
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/).slice(0, 2).join(" "));
    expect((report.get("units.txt") ?? "").trim().split("\n").sort()).toEqual(said.sort());
  });

  test("secrets are listed, and what holds them in the report is for its owner only", async () => {
    const target = join(scratchFolder(), "folder");
    const tree = await captured();
    await open().restore(tree, { ...silent, form: "folder", folder: target, signal: never });
    const { secrets } = JSON.parse(readFileSync(join(target, "secrets.json"), "utf8")) as {
      secrets: { path: string }[];
    };
    expect(secrets.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        "files/etc/app/tls.any",
        "files/etc/fstab",
        "files/etc/openvpn/static.any",
        "files/etc/shadow",
        "files/etc/ssh/ssh_host_ed25519_key",
        "files/opt/app/.env",
        "files/root/.ssh/id_ed25519",
        "files/var/spool/cron/crontabs/alice",
        "report/crontabs.txt",
        "report/fstab.txt",
        "report/repositories.txt",
      ]),
    );
    const mode = (path: string): number => statSync(join(target, path)).mode & 0o777;
    expect([mode("secrets.json"), mode("report/crontabs.txt"), mode("report/packages.txt")]).toEqual([
      0o600, 0o600, 0o644,
    ]);
    const report = await readReport(tree, { signal: never });
    for (const [file, text] of report) {
      expect(text, file).not.toContain("$6$salt$");
      if (file !== "crontabs.txt") expect(text, file).not.toContain("hunter2");
    }
  });

  test("what is left out by patterns is left out, and all else in its folders is stored with their owners", async () => {
    const target = join(scratchFolder(), "folder");
    const settings = { exclude: ["/etc/app/*.any", "/root/.cache"] };
    await open(settings).restore(await capture(settings), {
      ...silent,
      form: "folder",
      folder: target,
      signal: never,
    });
    expect(readdirSync(join(target, "files/etc/app"))).toEqual([]);
    expect(existsSync(join(target, "files/root/.ssh/id_ed25519"))).toBe(true);
    const { mode, mtimeMs } = statSync(join(target, "files/root"));
    expect([mode, mtimeMs]).toEqual([statSync(join(original, "root")).mode, statSync(join(original, "root")).mtimeMs]);
  });

  test("captured by an ordinary user says what it could not read", async () => {
    const warnings: SourceWarning[] = [];
    const result = await asNobody(original);
    warnings.push(...result.warnings);
    expect(result.report["packages.txt"]).toMatch(/^cron /m);
    expect(result.report["users.txt"]).toMatch(/^alice:unknown:1500/m);
    expect(result.report["unread.txt"]).toMatch(/^crontabs\.txt: .*EACCES/m);
    expect(warnings.map(({ message }) => message).join("\n")).toContain("lines of all crontabs");
  });

  test("a system of other packages is captured, and cannot be rebuilt", async () => {
    const root = join(scratchFolder(), "other");
    mkdirSync(join(root, "etc"), { recursive: true });
    writeFileSync(join(root, "etc/os-release"), 'ID=fedora\nNAME="Fedora Linux"\nVERSION_ID=43\n');
    const tree = await capture({ root });
    expect(tree.facts.server).toEqual({ product: "Fedora Linux", version: "43" });
    const rebuild = { ...silent, form: "rebuild", folder: join(scratchFolder(), "x"), signal: never };
    await expect(open({ root }).restore(tree, rebuild)).rejects.toMatchObject({ code: "SOURCES_UNSUPPORTED" });
    const proof = { ...silent, scratch: scratchFolder(), signal: never };
    await expect(open({ root }).prove(tree, proof)).rejects.toMatchObject({ code: "SOURCES_UNSUPPORTED" });
  });
});

/** Packages that were installed from a repository in a folder, which has changed since. */
const OWN_REPOSITORY = String.raw`
export HOME=/root
place=/opt/repository
make() { # NAME VERSION FIELDS
  mkdir -p "/tmp/$1/DEBIAN"
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n%s' "$1" "$2" "$3" > "/tmp/$1/DEBIAN/control"
  dpkg-deb --build "/tmp/$1" "$4/$1.deb" > /dev/null
}
index() {
  : > "$place/Packages"
  for deb in "$place"/*.deb; do
    { dpkg-deb --field "$deb"; printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$(basename "$deb")" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"; } >> "$place/Packages"
  done
}
mkdir -p $place /tmp/first
make lost 1.0 '' /tmp/first; make needs-lost 1.0 'Depends: lost
' /tmp/first; make moved-on 1.0 '' /tmp/first; make kept 1.0 '' /tmp/first
dpkg -i /tmp/first/*.deb > /dev/null
cp /tmp/first/needs-lost.deb /tmp/first/kept.deb $place
make moved-on 2.0 '' $place
index
echo 'deb [trusted=yes] file:/opt/repository ./' > /etc/apt/sources.list.d/own.list
rm -rf /tmp/first /tmp/lost /tmp/needs-lost /tmp/moved-on /tmp/kept
`;

function failed({ checks }: ProofReport): string[] {
  return checks.filter(({ passed }) => !passed).map(({ name, detail }) => `${name}: ${detail}`);
}

/** Paths that a rebuild leaves as they are, makes for itself, or that were captured on purpose without. */
const KNOWN_DIFFERENCES = new RegExp(
  String.raw` \./(etc/((passwd|group|shadow|gshadow|subuid|subgid)-|fstab|hostname|machine-id|network/interfaces|ssh/ssh_host_\S+)` +
    String.raw`|home/(alice|bob)|root/\.cache(/left-out)?|holdfast-rebuild|var/lib/(holdfast-rebuild(/\S+)?|dpkg/statoverride-old)) `,
);

/** Every path with type, mode and owner, but those of caches and logs. */
function listing(root: string): string[] {
  const prune = ["proc", "dev", "tmp", "run", "var/cache", "var/log", "var/lib/apt"];
  const words = prune.flatMap((path) => ["-path", `./${path}`, "-prune", "-o"]);
  const listed = execFileSync("find", [".", ...words, "-printf", "%p %y %m %U %G %l\\n"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  return listed.trim().split("\n");
}

/** Every path with type, mode, owner and content. What a rebuild notes for itself, and logs, are not part of it. */
function fingerprint(root: string): string[] {
  const own = /^\.\/(var\/lib\/holdfast-rebuild|holdfast-rebuild)(\/| )/;
  return listing(root)
    .filter((line) => !own.test(line))
    .map((line) => {
      const [path = "", type] = line.split(" ");
      if (type !== "f") return line;
      return `${line} ${createHash("sha256")
        .update(readFileSync(join(root, path)))
        .digest("hex")}`;
    })
    .sort();
}

/** Processes whose root is this folder. */
function processesIn(root: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/root`) === root;
      } catch {
        return false;
      }
    });
}

/** Processes come and go: once it was so is enough. */
async function until(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < 3000; n++) {
    if (isSo()) return;
    await sleep(20);
  }
  throw new Error("what was waited for did not happen");
}

/** Runs a rebuild in a process of its own, as a proof does. */
function startRebuild(root: string, rebuild: string): ChildProcess {
  const source = join(import.meta.dirname, "../../src");
  const script = `
    import { Programs } from ${JSON.stringify(join(source, "programs/programs.ts"))};
    import { inRoot } from ${JSON.stringify(join(source, "system/proof/namespaces.ts"))};
    const place = { root: ${JSON.stringify(root)}, rebuild: ${JSON.stringify(rebuild)}, proxies: [] };
    const call = inRoot(place, ["/holdfast-rebuild/rebuild.sh", "--yes"]);
    await new Programs({ source: "test", environment: process.env }).text(call, { signal: new AbortController().signal });`;
  return spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

interface Seen {
  readonly report: Readonly<Record<string, string>>;
  readonly warnings: SourceWarning[];
}

/** What a user without rights captures. */
async function asNobody(root: string): Promise<Seen> {
  const source = join(import.meta.dirname, "../../src");
  const script = `
    import { systemKind } from ${JSON.stringify(join(source, "system/system-kind.ts"))};
    import { reportInCapture } from ${JSON.stringify(join(source, "system/capture/read-report.ts"))};
    const secret = () => Promise.reject(new Error("not asked for"));
    const surroundings = { environment: process.env, hostname: "x", temporary: "/nonexistent", secret };
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    const source = systemKind.open("host", systemKind.settings.parse({ root: ${JSON.stringify(root)} }), surroundings);
    const warnings = [];
    const capture = await source.capture({ signal: new AbortController().signal, onWarning: (each) => warnings.push(each) });
    const report = Object.fromEntries(await reportInCapture(capture));
    process.stdout.write(JSON.stringify({ report, warnings }));`;
  const words = ["--disable-warning=ExperimentalWarning", "--input-type=module-typescript", "-e", script];
  execFileSync("chmod", ["0711", join(root, "..")]);
  const output = execFileSync(process.execPath, words, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(output) as Seen;
}
