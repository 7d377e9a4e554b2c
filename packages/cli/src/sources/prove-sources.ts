/** `holdfast prove`: restores a source in isolation, starts or opens it, and examines it. */
import { mkdtemp, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { subjectsOf } from "@holdfast/engine";
import type { SourceConfiguration } from "@holdfast/protection/configured";
import { type ProofReport, isProven } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { recordEvidence } from "../evidence/record.ts";
import { EXIT, exitCodeOf } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { toldError } from "../output/told-error.ts";
import { formatElapsed, formatLocalTime } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";
import { findCapture } from "./captured-source.ts";
import type { MeantSources } from "./meant-sources.ts";
import { repositoriesOf } from "./source-repositories.ts";
import { sourceRun } from "./source-run.ts";

interface Proving {
  readonly configuration: MeantSources["configuration"];
  readonly source: SourceConfiguration;
}

/** Each source from the first of its repositories, or all. The exit code says whether everything is proven. */
export async function proveSources(context: CommandContext, { configuration, sources }: MeantSources): Promise<number> {
  const { output, signal, options } = context;
  let code: number = EXIT.ok;
  for (const source of sources) {
    signal.throwIfAborted();
    try {
      const targets = await repositoriesOf(context, configuration, source);
      for (const target of options.flag("all-repositories") ? targets : targets.slice(0, 1)) {
        if (!(await proveOne(target, { configuration, source }))) code = EXIT.damage;
      }
    } catch (error) {
      signal.throwIfAborted();
      output.warn(`source ${source.name} is not proven: ${toldError(error)}`, {
        during: "prove",
        item: source.name,
      });
      if (code === EXIT.ok) code = exitCodeOf(error);
    }
  }
  return code;
}

async function proveOne(context: CommandContext, { configuration, source }: Proving): Promise<boolean> {
  const { output, options } = context;
  const { withSource } = await import("@holdfast/protection/configured");
  const host = options.text("host") ?? hostname();
  return withSource(configuration, source, sourceRun(context, host), (opened) =>
    withSession(
      context,
      (session) =>
        session.locked("look", async (signal) => {
          const { stored, tree } = await findCapture(session, opened, { id: options.text("snapshot"), host, signal });
          const { timeNs } = stored.snapshot;
          output.message(`proving ${source.name}: snapshot ${shortId(stored.id)} of ${formatLocalTime(timeNs)}`);
          const scratch = await mkdtemp(join(opened.temporary, "proof-"));
          const beganAtMs = Date.now();
          let report: ProofReport;
          try {
            report = await opened.source.prove(tree, {
              scratch,
              signal,
              onStep: (step) => output.message(`  ${step}`),
            });
          } finally {
            await rm(scratch, { recursive: true, force: true });
          }
          tellProof(context, source, stored.id, report);
          const subjects = subjectsOf([stored]);
          const proven = isProven(report);
          const found = { proven: proven ? subjects : [], damaged: proven ? [] : subjects, incomplete: [] };
          await recordEvidence(context, session, { run: "prove", beganAtMs, ...found }, { signal });
          return proven;
        }),
      // A proof from copies on this machine would prove nothing of what is stored.
      { trustCache: false, use: "reads" },
    ),
  );
}

function tellProof(
  { output }: CommandContext,
  source: SourceConfiguration,
  snapshot: string,
  report: ProofReport,
): void {
  const proven = isProven(report);
  if (output.settings.json) {
    const checks = report.checks.map(({ name, passed, detail, elapsedMs }) => ({
      name,
      passed,
      detail,
      elapsed: elapsedMs / 1000,
    }));
    const usable = report.usableAfterMs === undefined ? undefined : report.usableAfterMs / 1000;
    output.printJson({
      message_type: "proof",
      source: source.name,
      kind: source.kind,
      snapshot_id: snapshot,
      proven,
      usable_after: usable,
      checks,
    });
    return;
  }
  for (const { name, passed, detail } of report.checks) {
    output.print(`  ${passed ? "passed" : "FAILED"}  ${safeText(name)}: ${safeText(detail)}`);
  }
  const usable = report.usableAfterMs === undefined ? "" : `, usable after ${formatElapsed(report.usableAfterMs)}`;
  output.print(`${source.name} is ${proven ? `PROVEN${usable}` : "NOT PROVEN"}`);
}
