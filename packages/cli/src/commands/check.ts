/** `holdfast check`: looks for damage. */
import { Check, type CheckResult, type DataSubset, subjectsOf } from "@holdfast/engine";
import { checkProgress } from "../check/progress.ts";
import { reportCheck, reportFinding } from "../check/report.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { recordEvidence } from "../evidence/record.ts";
import { EXIT } from "../exit.ts";
import type { GivenOptions } from "../given-options.ts";
import { warnIfLate } from "../object-lock/lateness.ts";
import { showProgress } from "../output/progress.ts";
import { withSession } from "../repository-session.ts";
import { snapshotFilter } from "../snapshot-choice.ts";
import { parseDataSubset } from "../values/data-subset.ts";

export const run: RunCommand = async (context) => {
  const { options, output } = context;
  const readData = dataSubset(options);
  const result = await withSession(
    context,
    (session) =>
      session.locked("read", async (signal) => {
        const onFinding = (finding: Parameters<typeof reportFinding>[0]): void => reportFinding(finding, output);
        const settings = { readData, filter: snapshotFilter(options), signal, onFinding };
        const beganAtMs = Date.now();
        const checked = await runCheck(context, new Check(session.repository, settings));
        // What was read from copies on this machine proves nothing of the repository.
        const proven = subjectsOf(session.hasCache ? [] : checked.proven);
        const found = { run: "check", beganAtMs, proven, damaged: subjectsOf(checked.damaged) } as const;
        await recordEvidence(context, session, found, { signal });
        await warnIfLate(context, session.repository, { signal, during: "check" });
        return checked;
      }),
    { trustCache: options.flag("with-cache"), whileOpening: () => Check.startThreads() },
  );
  reportCheck(result, output);
  return result.healthy ? EXIT.ok : EXIT.damage;
};

async function runCheck({ output, variables }: CommandContext, check: Check): Promise<CheckResult> {
  const progress = showProgress(checkProgress(check), output, variables);
  try {
    return await check.run();
  } finally {
    progress.stop();
  }
}

function dataSubset(options: GivenOptions): DataSubset {
  const subset = options.parsed(
    "read-data-subset",
    "give n/t as in 1/7, a percentage as in 5%, or a size as in 10G",
    parseDataSubset,
  );
  if (!options.flag("read-data")) return subset ?? { kind: "none" };
  if (subset === undefined) return { kind: "all" };
  throw cliError("CLI_OPTIONS_CONFLICT", {
    first: "--read-data",
    second: "--read-data-subset",
    reason: "one says all, one a part",
  });
}
