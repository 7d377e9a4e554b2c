/** `holdfast prune`: removes data that no snapshot needs. */
import { parseDuration } from "@holdfast/base";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { pruneSettings } from "../prune/options.ts";
import { runPrune } from "../prune/run-prune.ts";
import { withSession } from "../repository-session.ts";

export const run: RunCommand = (context) => {
  const { options } = context;
  const settings = pruneSettings(options);
  const graceMs = options.parsed("grace", "give a duration such as 7d, or 0", parseDuration);
  const dryRun = options.flag("dry-run");
  return withSession(context, async (session) => {
    const outcome = await session.locked(dryRun ? "read" : "exclusive", (signal) =>
      runPrune(context, session.repository, { signal, settings, graceMs, dryRun }),
    );
    return outcome === "waiting" ? EXIT.waiting : EXIT.ok;
  });
};
