/** `holdfast discover`: what there is to protect. Changes nothing. */
import { hostname } from "node:os";
import { CATEGORIES, type Candidate, SOURCE_KINDS } from "@holdfast/sources";
import type { CommandContext, RunCommand } from "../context.ts";
import { candidateJson, viewJson } from "../discovery/json.ts";
import { lookAround, tellHidden } from "../discovery/look-around.ts";
import { printCandidates, printFileSystems } from "../discovery/tables.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { invalidValue } from "../given-options.ts";
import { formatCount, formatElapsed, plural } from "../output/units.ts";

/** Kinds that candidates may have, although this build may have no sources of them. */
const KINDS = [
  "files",
  "system",
  "sqlite",
  "postgres",
  "mysql",
  "redis",
  "etcd",
  "openldap",
  "mongodb",
  "docker",
  "vm",
  "command",
];

export const run: RunCommand = async (context) => {
  const { output, options } = context;
  const wanted = wantedKinds(context);
  if (options.flag("as-config") && output.settings.json) {
    const reason = "a configuration is YAML";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--as-config", second: "--json", reason });
  }
  const { view, candidates, elapsedMs } = await lookAround(context, { root: options.text("root") });
  const shown = candidates.filter((candidate) => isWanted(candidate, wanted));
  if (options.flag("as-config")) {
    const { proposedConfiguration } = await import("@holdfast/protection/configured");
    output.print(proposedConfiguration(shown, hostname()).trimEnd());
  } else if (output.settings.json) {
    output.printJson({
      message_type: "discovery",
      hostname: hostname(),
      seconds: Number((elapsedMs / 1000).toFixed(2)),
      entry_count: view.entryCount,
      ...viewJson(view),
      candidates: shown.map(candidateJson),
    });
  } else {
    if (wanted.size === 0 && view.paths.length === 0) printFileSystems(view, output);
    const hidden = printCandidates(shown, output, { all: options.flag("all") });
    if (shown.length === 0) output.message("nothing was found that is worth protecting");
    if (hidden > 0)
      output.message(
        `${plural(hidden, "more thing")} can be had again, or are part of what is listed: --all lists them`,
      );
    output.message(`looked at ${formatCount(view.entryCount)} files and folders in ${formatElapsed(elapsedMs)}`);
  }
  tellHidden(context, view);
  return EXIT.ok;
};

/** @throws CLI_INVALID_VALUE for a kind that nothing has */
function wantedKinds({ options }: CommandContext): Set<string> {
  const known = new Set<string>([...KINDS, ...CATEGORIES, ...SOURCE_KINDS.keys()]);
  const wanted = options.list("kind");
  for (const kind of wanted) {
    if (!known.has(kind)) throw invalidValue(kind, "--kind", `give one of ${[...known].sort().join(", ")}`);
  }
  return new Set(wanted);
}

function isWanted({ kind, category }: Candidate, wanted: ReadonlySet<string>): boolean {
  return wanted.size === 0 || wanted.has(kind) || wanted.has(category);
}
