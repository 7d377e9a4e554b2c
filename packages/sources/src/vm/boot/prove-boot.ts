/** Proves a capture of a machine: starts what was restored, and waits until it works. */
import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import type { CallOptions, ProofCheck, ProofEvidence } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { limitTime } from "../../content/time-limit.ts";
import { lookAt } from "../../proofs/look-at.ts";
import type { ProofSettings } from "../settings.ts";
import { type MachineOptions, StartedMachine } from "./started-machine.ts";

export interface BootOptions
  extends CallOptions, Omit<MachineOptions, "accelerator" | "folder" | "sockets" | "starting" | "signal"> {
  readonly scratch: string;
  /** For sockets. */
  readonly temporary: string;
  readonly onStep: (step: string) => void;
}

export interface BootReport {
  readonly checks: readonly ProofCheck[];
  readonly evidence: readonly ProofEvidence[];
}

/** @throws SOURCES_SETTINGS when no heartbeat is named, SOURCES_TOOL_MISSING, the signal's reason */
export async function proveBoot(options: BootOptions): Promise<BootReport> {
  const { proof, source, onStep, signal } = options;
  if (proof.agent === undefined && proof.console === undefined && proof.port === undefined) {
    const reason = "a proof needs something to wait for: give proof `agent: true`, `console` or `port`";
    throw sourcesError("SOURCES_SETTINGS", { source, reason });
  }
  const limitMs = proof["boot-time-limit"];
  if (proof.accelerator !== "auto") {
    return attempt(options, { accelerator: proof.accelerator, limitMs, before: "" });
  }
  const missing = await whyNoKvm();
  if (missing !== undefined) return attempt(options, { accelerator: "tcg", limitMs, before: ` (${missing})` });
  const byKvm = await attempt(options, { accelerator: "kvm", limitMs: limitMs / 2, before: "" });
  const failed = byKvm.checks.find(({ passed }) => !passed);
  if (failed === undefined) return byKvm;
  signal.throwIfAborted();
  onStep(`with KVM: ${failed.name}: ${failed.detail}; trying QEMU's own emulation`);
  const before = ` (with KVM it did not work: ${failed.name}: ${failed.detail})`;
  return attempt(options, { accelerator: "tcg", limitMs: limitMs / 2, before });
}

interface Attempt {
  readonly accelerator: "kvm" | "tcg";
  readonly limitMs: number;
  /** What was before, for the report. */
  readonly before: string;
}

async function attempt(options: BootOptions, { accelerator, limitMs, before }: Attempt): Promise<BootReport> {
  const { proof, source, scratch, temporary, onStep, signal } = options;
  const words = accelerator === "kvm" ? "KVM" : "QEMU's own emulation";
  const limit = { ms: limitMs, what: "the start of the restored machine", source, setting: "proof: boot-time-limit" };
  const { programs, shape, disks, variables } = options;
  const places = { folder: join(scratch, `boot-${accelerator}`), sockets: await mkdtemp(join(temporary, "boot-")) };
  const limited = limitTime(limit, { signal });
  const checks: ProofCheck[] = [];
  let machine: StartedMachine | undefined;
  try {
    onStep(`starting it with ${words}`);
    checks.push(
      await lookAt("starts", { signal }, async () => {
        machine = await StartedMachine.start({
          programs,
          source,
          proof,
          shape,
          disks,
          variables,
          accelerator,
          ...places,
          starting: limited.signal,
          signal,
        });
        return { passed: true, detail: `with ${words}${before}` };
      }),
    );
    if (machine === undefined) return { checks, evidence: [] };
    const started = machine;
    for (const { name, wait } of heartbeats(proof, started, limited)) {
      onStep(`waiting: ${name}`);
      checks.push(await lookAt(name, { signal }, async () => ({ passed: true, detail: await wait() })));
    }
    return { checks, evidence: await started.evidence({ signal }) };
  } finally {
    limited.end();
    await machine?.end();
    await rm(places.sockets, { recursive: true, force: true });
  }
}

interface Heartbeat {
  readonly name: string;
  readonly wait: () => Promise<string>;
}

function heartbeats(proof: ProofSettings, machine: StartedMachine, options: CallOptions): Heartbeat[] {
  const { console: expression, port, agent } = proof;
  return [
    ...(expression === undefined
      ? []
      : [{ name: `console shows /${expression.source}/`, wait: () => machine.console(expression, options) }]),
    ...(agent === undefined ? [] : [{ name: "guest agent answers", wait: () => machine.agent(options) }]),
    ...(port === undefined ? [] : [{ name: `port ${port.number} answers`, wait: () => machine.port(options) }]),
  ];
}

async function whyNoKvm(): Promise<string | undefined> {
  try {
    await access("/dev/kvm", constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `no KVM: ${messageOf(error)}`;
  }
}
