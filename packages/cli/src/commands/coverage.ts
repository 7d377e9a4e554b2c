/** `holdfast coverage`: what exists and is not protected. */
import { hostname } from "node:os";
import { requireConfiguration } from "../configured/read-configuration.ts";
import type { RunCommand } from "../context.ts";
import { coverageJson, printCoverage } from "../coverage/report.ts";
import { readState, stateFile, writeState } from "../coverage/state-file.ts";
import { viewJson } from "../discovery/json.ts";
import { lookAround, tellHidden } from "../discovery/look-around.ts";
import { EXIT } from "../exit.ts";
import { formatGivenTime } from "../output/units.ts";

export const run: RunCommand = async (context) => {
  const { output, options } = context;
  const configuration = await requireConfiguration(context);
  const { coverageOf, nextTime, scopeOf } = await import("@holdfast/protection/configured");
  const path = stateFile(context);
  const { view, candidates, paths } = await lookAround(context);
  const times = await readState(path);
  const scope = scopeOf(paths, { withRemote: options.flag("remote") });
  const last = times.get(scope);
  const today = Temporal.Now.plainDateISO().toString();
  const report = coverageOf({
    candidates,
    configuration,
    folders: view.folders.all(),
    mountPoints: view.mounts.map(({ point }) => point),
    last,
    hostname: hostname(),
    isRoot: view.unseen.isRoot,
    today,
  });
  const ids = candidates.map(({ id }) => id);
  await writeState(path, new Map([...times, [scope, nextTime(last, ids, view.nowMs)]]), context);
  if (output.settings.json) {
    const head = { message_type: "coverage", hostname: hostname(), configuration: configuration.path };
    output.printJson({ ...head, ...coverageJson(report), ...viewJson(view) });
  } else {
    printCoverage(report, output, { all: options.flag("all") });
    output.message(
      report.lastAt === undefined
        ? "this is the first time, so nothing is marked as new"
        : `NEW is what was not there at ${formatGivenTime(report.lastAt)}`,
    );
    if (report.isCriticalBare) output.message("something critical is not protected");
  }
  if (configuration.repositories.size === 0) {
    output.warn(
      "the configuration names no repository, so that what its sources protect is stored only by runs that name one with -r",
      { during: "coverage", item: configuration.path },
    );
  }
  tellHidden(context, view);
  return report.isCriticalBare ? EXIT.incomplete : EXIT.ok;
};
