/** Pattern options of backup and restore, with the files of patterns that they name. */
import { patternFileLines } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { readGivenFile } from "./text-file.ts";

/** Patterns of one kind, as the engine takes them. */
export interface PatternLines {
  readonly lines: readonly string[];
  readonly ignoreCase: boolean;
}

type Context = Pick<CommandContext, "options" | "variables" | "signal">;

/** What `--exclude`, `--exclude-file`, `--iexclude` and `--iexclude-file` say; the same for `include`. Kinds without a pattern are left out. */
export async function patternOptions(context: Context, kind: "exclude" | "include"): Promise<PatternLines[]> {
  const sets = [
    { lines: await linesOf(context, kind), ignoreCase: false },
    { lines: await linesOf(context, `i${kind}`), ignoreCase: true },
  ];
  return sets.filter(({ lines }) => lines.length > 0);
}

async function linesOf({ options, variables, signal }: Context, name: string): Promise<string[]> {
  const lines = options.list(name);
  for (const path of options.list(`${name}-file`)) {
    const bytes = await readGivenFile(path, `the file of --${name}-file`, { signal });
    lines.push(...patternFileLines(bytes, (variable) => variables.plain(variable)));
  }
  return lines;
}
