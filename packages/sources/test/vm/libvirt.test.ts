/** The kind `vm` by libvirt: a domain of QEMU's own emulation, under a real libvirtd. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  chmodSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasProgram } from "@holdfast/storage/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LabCapture, SourceLab } from "../../src/testing/index.ts";
import { vmDetail } from "../../src/vm/stored-facts.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";
import { type Guest, canRunGuests, countsOf, makeGuest } from "./guest.ts";

const never = new AbortController().signal;
const SLOW = 180_000;
// Where the emulator's own user may go.
const folder = mkdtempSync("/var/tmp/hf-lv-");
const domain = `hf-test-${process.pid}`;
const daemons: ChildProcess[] = [];
let images: Guest;
let lab: SourceLab;

const virsh = (...words: string[]): string =>
  execFileSync("virsh", ["-q", ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const tryVirsh = (...words: string[]): string | undefined => {
  try {
    return virsh(...words);
  } catch {
    return undefined;
  }
};

/**
 * A daemon of our own, with settings of its own in a mount namespace of its own. As root, QEMU may use /dev/kvm: where it may not although
 * there is one, libvirt asks QEMU again for each command what it can do.
 */
async function startDaemon(): Promise<void> {
  const settings = join(folder, "qemu.conf");
  writeFileSync(settings, 'user = "root"\ngroup = "root"\nstdio_handler = "file"\n');
  const script = 'mount --bind "$0" /etc/libvirt/qemu.conf && exec libvirtd -t 600';
  const log = openSync(join(folder, "libvirtd.log"), "a");
  const child = spawn("unshare", ["-m", "sh", "-c", script, settings], { stdio: ["ignore", log, log], detached: true });
  daemons.push(child);
  closeSync(log);
  await until(() => tryVirsh("version") !== undefined || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(readFileSync(join(folder, "libvirtd.log"), "utf8"));
}

async function until(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < 1200 && !isSo(); n++) await sleep(50);
  expect(isSo()).toBe(true);
}

const consoleText = (): string =>
  existsSync(join(folder, "console")) ? readFileSync(join(folder, "console"), "latin1") : "";

async function startDomain(): Promise<void> {
  rmSync(join(folder, "console"), { force: true });
  virsh("start", domain);
  await until(() => /W \d+/.test(consoleText()));
}

const disk = (target: string, path: string): string =>
  `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${path}'/><target dev='${target}' bus='virtio'/></disk>`;

const isPossible = canRunGuests && hasProgram("libvirtd") && hasProgram("virsh");
beforeAll(async () => {
  if (!isPossible) return;
  chmodSync(folder, 0o711);
  images = makeGuest(join(folder, "made"), { work: true });
  lab = await SourceLab.open();
  await startDaemon();
  writeFileSync(
    join(folder, "domain.xml"),
    `<domain type='qemu'><name>${domain}</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
      <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${disk("vda", images.first)}${disk("vdb", images.second)}
      <serial type='file'><source path='${join(folder, "console")}'/></serial>
      <graphics type='vnc' port='-1' passwd='hidden77'><listen type='none'/></graphics>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>`,
  );
  virsh("define", join(folder, "domain.xml"));
  await startDomain();
}, SLOW);

afterAll(async () => {
  if (!isPossible) return;
  for (const name of [domain, `${domain}-copy`]) {
    tryVirsh("destroy", name);
    for (const each of (tryVirsh("checkpoint-list", name, "--name") ?? "").split(/\s+/).filter(Boolean)) {
      tryVirsh("checkpoint-delete", name, each, "--metadata");
    }
    tryVirsh("undefine", name);
  }
  for (const child of daemons.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGTERM");
    await once(child, "close");
  }
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
}, SLOW);

const open = (more: Record<string, unknown> = {}) =>
  vmKind.open(
    "web",
    vmKind.settings.parse({ libvirt: domain, proof: { console: "^HEALTH-OK", accelerator: "tcg" }, ...more }),
    lab.surroundings(),
  );
const capture = (more: Record<string, unknown> = {}): Promise<LabCapture> =>
  lab.capture(open(more), { kind: "vm", name: "web" });
const read = async () =>
  Object.fromEntries(vmDetail((await lab.captured()).facts).disks.map((each) => [each.name, each]));
const leftovers = (): string[] => readdirSync(join(folder, "made")).filter((name) => name.startsWith("hf-"));

test(
  "a domain that runs is captured frozen, with its definition, and then what has changed",
  { timeout: SLOW },
  async () => {
    expect((await capture()).warnings).toEqual([]);
    const captured = await lab.captured();
    expect(captured.facts).toMatchObject({ consistency: "file-system", detail: { frozen: 1, files: ["domain.xml"] } });
    const full = await read();
    expect(full).toMatchObject({ vda: { changedOnly: false }, vdb: { changedOnly: false } });
    const xml = Buffer.concat(await Array.fromAsync(captured.read("domain.xml", { signal: never }))).toString();
    expect(xml).toContain("hidden77");
    expect(leftovers()).toEqual([]);

    expect((await capture()).warnings).toEqual([]);
    const next = await read();
    expect(next).toMatchObject({ vda: { changedOnly: true }, vdb: { changedOnly: true } });
    expect(next["vda"]?.readBytes).toBeLessThan((full["vda"]?.readBytes as number) / 2);
    expect(virsh("checkpoint-list", domain, "--name").trim().split(/\s+/)).toHaveLength(2);
    expect(leftovers()).toEqual([]);
    const target = lab.newFolder();
    await (await lab.captured()).extract("disks", target, { signal: never });
    const counts = countsOf(join(target, "vda.raw"), join(target, "vdb.raw"));
    expect(counts.first).toBeGreaterThan(0);
    expect([counts.second, counts.second + 1]).toContain(counts.first);
  },
);

test.skipIf(!isPossible)(
  "a capture that was killed ends its job, and the guest goes on",
  { timeout: SLOW },
  async () => {
    const script = join(import.meta.dirname, "hold-capture.ts");
    const task = { settings: { libvirt: domain }, temporary: lab.newFolder() };
    const child = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    expect(virsh("backup-dumpxml", domain)).toContain("hf-");
    await expect(capture()).rejects.toMatchObject({ code: "SOURCES_BUSY" });
    child.kill("SIGKILL");
    await once(child, "close");
    await until(() => leftovers().length === 0);
    expect(tryVirsh("backup-dumpxml", domain)?.trim() ?? "").toBe("");
    const before = consoleText().length;
    await until(() => consoleText().length > before + 20);
  },
);

test(
  "stopped, it is read by its images, and its checkpoint still says what has changed",
  { timeout: SLOW },
  async () => {
    await capture();
    virsh("destroy", domain, "--graceful");
    const { warnings } = await capture();
    expect(warnings).toEqual([]);
    expect(await read()).toMatchObject({ vda: { changedOnly: true }, vdb: { changedOnly: true } });
    const target = lab.newFolder();
    await (await lab.captured()).extract("disks", target, { signal: never });
    execFileSync("qemu-img", ["convert", "-O", "raw", images.first, join(folder, "expected.raw")]);
    execFileSync("cmp", [join(folder, "expected.raw"), join(target, "vda.raw")]);
  },
);

test(
  "it comes back as a domain of another name, which starts; one that is there is refused",
  { timeout: SLOW },
  async () => {
    const captured = await lab.captured();
    const target = join(folder, "copy");
    const restore = (settings: Record<string, unknown>) =>
      open().restore(captured, { settings, signal: never, onWarning: () => {}, onStep: () => {} });
    await expect(restore({})).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
    await expect(restore({ images: target })).rejects.toMatchObject({ code: "SOURCES_TARGET_IN_USE" });
    expect(existsSync(target)).toBe(false);
    const report = await restore({ images: target, name: `${domain}-copy`, format: "qcow2" });
    expect(report.restored[0]).toBe(`the domain ${domain}-copy`);
    const [before, after] = [domain, `${domain}-copy`].map((name) => virsh("domuuid", name).trim());
    expect(after).not.toBe(before);
    chmodSync(target, 0o711);
    rmSync(join(folder, "console"), { force: true });
    virsh("start", `${domain}-copy`);
    await until(() => consoleText().includes("HEALTH-OK"));
    await expect(restore({ images: join(folder, "other"), name: `${domain}-copy` })).rejects.toMatchObject({
      code: "SOURCES_TARGET_RUNNING",
    });
    virsh("destroy", `${domain}-copy`);
  },
);

test.skipIf(!isPossible)("a libvirt that is not there, and a domain that it does not know, are said", async () => {
  await expect(capture({ libvirt: "no-such-domain" })).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
  await expect(capture({ uri: "qemu+unix:///system?socket=/nowhere" })).rejects.toMatchObject({
    code: "SOURCES_UNREACHABLE",
  });
  await expect(capture({ "exclude-disks": ["vdz"] })).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
});
