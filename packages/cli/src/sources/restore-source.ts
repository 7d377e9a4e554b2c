/** `holdfast restore` of a source of the configuration. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { messageOf } from "@holdfast/base";
import type { RestoreReport } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { formatLocalTime } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import { CaptureCopies } from "./capture-copies.ts";
import type { MeantSources } from "./meant-sources.ts";
import { RESTORE_OF_SOURCES, refuseOptions } from "./refuse-options.ts";
import { repositoriesOf } from "./source-repositories.ts";
import { sourceRun } from "./source-run.ts";
import { untilOption } from "./until-option.ts";

/** One source, from the first of its repositories that has it; the others stand by. */
export async function restoreSource(
  context: CommandContext,
  { configuration, sources }: MeantSources,
): Promise<number> {
  const { options, output } = context;
  refuseOptions(context, ["target", "host", ...RESTORE_OF_SOURCES], "holdfast help restore");
  const [source] = sources;
  if (source === undefined) throw cliError("CLI_USAGE", { problem: "name one source", help: "holdfast help restore" });
  const { withSource } = await import("@holdfast/protection/configured");
  const host = options.list("host").at(-1) ?? hostname();
  const target = options.text("target");
  const form = options.text("as") ?? (target === undefined ? undefined : "folder");
  const until = untilOption(options);
  const settings = givenSettings(options.list("set"));
  const { signal } = context;
  const repositories = await repositoriesOf(context, configuration, source, (name, error) =>
    output.warn(`${name} is passed over: ${messageOf(error)}`, { during: "open" }),
  );
  const report = await withSource(
    configuration,
    source,
    sourceRun(context, host),
    async (opened): Promise<RestoreReport> => {
      const copies = new CaptureCopies(repositories, opened);
      try {
        const { stored, tree, recovery } = await copies.find({ id: options.text("snapshot"), host, until, signal });
        output.message(
          `restoring ${source.name}: snapshot ${shortId(stored.id)} of ${formatLocalTime(stored.snapshot.timeNs)}`,
        );
        return await opened.source.restore(tree, {
          ...(form === undefined ? {} : { form }),
          ...(target === undefined ? {} : { folder: resolve(target) }),
          settings,
          ...(recovery === undefined ? {} : { recovery }),
          overwrite: options.flag("replace"),
          signal,
          onStep: (step) => output.message(`  ${step}`),
          onWarning: ({ message }) => output.warn(safeText(message), { during: "restore", item: source.name }),
        });
      } finally {
        await copies.close();
      }
    },
  );
  if (output.settings.json) {
    const { restored, place, remaining } = report;
    output.printJson({ message_type: "summary", source: source.name, kind: source.kind, restored, place, remaining });
  } else {
    for (const line of report.restored) output.print(`restored ${safeText(line)}`);
    output.print(`it is in ${safeText(report.place)}`);
    for (const line of report.remaining) output.print(`hint: ${safeText(line)}`);
  }
  return EXIT.ok;
}

/** `port=5433` and the like, whose values may be JSON. @throws CLI_INVALID_VALUE */
function givenSettings(texts: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals <= 0) {
        throw cliError("CLI_INVALID_VALUE", {
          value: text,
          option: "--set",
          expected: "give a setting and a value, as in path=/tmp/copy.db",
        });
      }
      return [text.slice(0, equals), valueOf(text.slice(equals + 1))];
    }),
  );
}

function valueOf(text: string): unknown {
  if (!/^(\d+|true|false|\[.*\]|\{.*\})$/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
