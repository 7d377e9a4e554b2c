// The page of all errors, from the tables that raise them (`packages/*/src/errors.ts`).
import { type ErrorTemplate, HoldfastError } from "@holdfast/base";
import { cell, loadModule, table } from "./markdown.ts";
import { packagesOf } from "./workspace.ts";

type ErrorTable = Readonly<Record<string, ErrorTemplate>>;

/** What the page needs of `packages/cli/src/exit.ts`. */
interface ExitModule {
  readonly exitCodeOf: (error: unknown) => number;
}

const HEAD = `# Errors

<!-- Made by \`npm run docs\` from the error tables. Do not edit. -->

Every failure has a code that stays the same, a kind, a message, and mostly a hint that says what to do next. Programs look at the code,
never at the text: with \`--json\` it is \`error_code\` of the last message. Words in braces are replaced by what the failure is about.
The exit code is the one that the command line ends with; [cli.md](cli.md#exit-codes) lists their meanings.`;

/** The text of \`docs/errors.md\` for the repository at \`folder\`. */
export async function errorsPage(folder: string): Promise<string> {
  const { exitCodeOf } = await loadModule<ExitModule>(folder, "packages/cli/src/exit.ts");
  const sections: string[] = [];
  for (const { name, folder: place } of packagesOf(folder)) {
    const tables = await tablesOf(place);
    if (tables.length > 0) sections.push(section(name, Object.assign({}, ...tables) as ErrorTable, exitCodeOf));
  }
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}

/** Every exported table of a package; a package without \`errors.ts\` has none. */
async function tablesOf(place: string): Promise<ErrorTable[]> {
  const module = await loadModule<Readonly<Record<string, ErrorTable>>>(place, "src/errors.ts").catch(ignoreAbsence);
  return Object.entries(module ?? {}).flatMap(([name, value]) => (name.endsWith("_ERRORS") ? [value] : []));
}

function ignoreAbsence(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}

function section(name: string, errors: ErrorTable, exitCodeOf: ExitModule["exitCodeOf"]): string {
  const rows = Object.entries(errors).map(([code, template]) => [
    `\`${code}\``,
    template.kind,
    String(exitCodeOf(new HoldfastError(code, template))),
    cell(template.message),
    cell(template.hint ?? ""),
  ]);
  return `## ${name}\n\n${table(["code", "kind", "exit", "message", "hint"], rows)}`;
}
