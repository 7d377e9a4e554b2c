/** Proofs and restores of a machine: what is restored boots, and what does not boot is not proven. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProofReport } from "../../src/contract/source.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";
import { type Guest, canRunGuests, makeGuest } from "./guest.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
/** Emulated machines on a busy computer. */
const SLOW = 180_000;
const folder = mkdtempSync(join(tmpdir(), "hf-vm-p-"));
let images: Guest;
let lab: SourceLab;
const isPossible = canRunGuests;
beforeAll(async () => {
  if (!isPossible) return;
  images = makeGuest(join(folder, "made"), { work: false });
  lab = await SourceLab.open();
  await lab.capture(open({}), { kind: "vm", name: "web" });
}, SLOW);
afterAll(() => {
  if (!isPossible) return;
  lab.remove();
  rmSync(folder, { recursive: true, force: true });
});

function open(proof: Record<string, unknown>) {
  const disks = [images.first, { path: images.second, name: "data" }];
  const settings = { disks, proof: { accelerator: "tcg", memory: "256M", ...proof } };
  return vmKind.open("web", vmKind.settings.parse(settings), lab.surroundings());
}

async function prove(proof: Record<string, unknown>, signal = never): Promise<ProofReport> {
  return open(proof).prove(await lab.captured(), { scratch: lab.newFolder(), signal, onStep: () => {} });
}

/** QEMUs of this test that still run. */
function emulators(): string {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.startsWith("qemu-system") && line.includes(lab.folder))
    .join("\n");
}

test(
  "a machine boots from its restored disks: its console, its agent and its port say so, and a log and a picture are kept",
  { timeout: SLOW },
  async () => {
    const report = await prove({ console: "^HEALTH-OK$", agent: true, port: { number: 7, expect: "^PORT-OK" } });
    expect(report.checks.map(({ name, passed, detail }) => `${passed} ${name}: ${detail}`)).toEqual([
      "true restored: every byte read again and compared",
      "true starts: with QEMU's own emulation",
      "true console shows /^HEALTH-OK$/: HEALTH-OK",
      "true guest agent answers: it answers",
      "true port 7 answers: PORT-OK",
    ]);
    const evidence = new Map(report.evidence?.map(({ name, bytes }) => [name, Buffer.from(bytes)]));
    expect(evidence.get("console.log")?.toString()).toContain("HEALTH-OK\n");
    expect(evidence.get("screen.png")?.subarray(1, 4).toString()).toBe("PNG");
    expect(emulators()).toBe("");
  },
);

test(
  "one that does not get so far in time is not proven, and its log shows how far it came",
  { timeout: SLOW },
  async () => {
    const report = await prove({ console: "NO-SUCH-LINE", port: 8, "boot-time-limit": "12s" });
    expect(report.checks.map(({ passed }) => passed)).toEqual([true, true, false, false]);
    expect(report.checks[2]?.detail).toMatch(
      /took longer than 12 s; (the last was: \S|nothing came over the serial console)/,
    );
    expect(report.usableAfterMs).toBeUndefined();
    expect(report.evidence?.map(({ name }) => name)).toContain("screen.png");
    expect(emulators()).toBe("");
  },
);

test.skipIf(!isPossible)(
  "one whose disk is empty, or that QEMU cannot start, is not proven",
  { timeout: SLOW },
  async () => {
    const refused = await prove({ console: "HEALTH-OK", machine: "no-such-machine" });
    expect(refused.checks.at(-1)).toMatchObject({ name: "starts", passed: false });
    expect(refused.checks.at(-1)?.detail).toContain("unsupported machine type");

    const raw = join(folder, "empty.raw");
    writeFileSync(raw, Buffer.alloc(1024 * 1024));
    const empty = await SourceLab.open();
    const settings = vmKind.settings.parse({
      disks: [raw],
      proof: { console: "OK", accelerator: "tcg", "boot-time-limit": "3s" },
    });
    await empty.capture(vmKind.open("web", settings, empty.surroundings()), { kind: "vm", name: "web" });
    const report = await vmKind
      .open("web", settings, empty.surroundings())
      .prove(await empty.captured(), { scratch: empty.newFolder(), signal: never, onStep: () => {} });
    expect(report.checks.at(-1)).toMatchObject({ passed: false });
    empty.remove();
  },
);

test.skipIf(!isPossible)(
  "where nothing is named to wait for, nothing is proven, and that is said",
  { timeout: SLOW },
  async () => {
    await expect(prove({})).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
  },
);

test.skipIf(!isPossible)("an abort ends the machine", { timeout: SLOW }, async () => {
  const abort = new AbortController();
  const proving = open({ console: "NEVER" }).prove(await lab.captured(), {
    scratch: lab.newFolder(),
    signal: abort.signal,
    onStep: (step) => {
      if (step.startsWith("waiting")) abort.abort(new Error("interrupted"));
    },
  });
  await expect(proving).rejects.toThrow("interrupted");
  expect(emulators()).toBe("");
});

test(
  "with KVM that does not work for it, QEMU's own emulation is tried, and the report says so",
  { timeout: SLOW },
  async () => {
    // A KVM that is there and cannot be used: what this emulator does with it is not worth waiting for.
    const report = await prove({
      console: "HEALTH-OK",
      accelerator: "auto",
      "boot-time-limit": "100s",
      program: withoutKvm(),
    });
    expect(report.checks.at(-1)).toMatchObject({ passed: true });
    expect(report.checks[1]?.detail).toMatch(/own emulation \((no KVM|with KVM it did not work)/);
  },
);

/** The real emulator, on a machine whose KVM it may not use. */
function withoutKvm(): string {
  const path = join(folder, "qemu-without-kvm");
  const script =
    '#!/bin/sh\ncase "$*" in *accel=kvm*) echo "Could not access KVM kernel module" >&2; exit 1;; esac\nexec qemu-system-x86_64 "$@"\n';
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

test(
  "images come back raw and sparse, or as qcow2; those that a process has open are not replaced",
  { timeout: SLOW },
  async () => {
    const source = open({});
    const captured = await lab.captured();
    const target = lab.newFolder();
    const restore = (more: Record<string, unknown>) =>
      source.restore(captured, { ...silent, folder: target, signal: never, ...more });
    await restore({});
    expect(readdirSync(target).sort()).toEqual(["data.raw", "first.raw"]);
    const expected = join(folder, "expected.raw");
    execFileSync("qemu-img", ["convert", "-O", "raw", images.first, expected]);
    execFileSync("cmp", [expected, join(target, "first.raw")]);
    const used = Number(execFileSync("du", ["-k", join(target, "first.raw")], { encoding: "utf8" }).split("\t")[0]);
    expect(used).toBeLessThan(40 * 1024);

    await expect(restore({})).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    const holder = spawn("sleep", ["300"], { stdio: [openSync(join(target, "first.raw"), "r"), "ignore", "ignore"] });
    await expect(restore({ overwrite: true })).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
    holder.kill();
    await once(holder, "close");
    await restore({ overwrite: true, settings: { format: "qcow2" } });
    expect(readdirSync(target).sort()).toEqual(["data.qcow2", "data.raw", "first.qcow2", "first.raw"]);
    const info = JSON.parse(
      execFileSync("qemu-img", ["info", "--output=json", join(target, "data.qcow2")], { encoding: "utf8" }),
    ) as object;
    expect(info).toMatchObject({ format: "qcow2", "virtual-size": readFileSync(join(target, "data.raw")).length });
    await expect(restore({ settings: { format: "vdi" } })).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
  },
);
