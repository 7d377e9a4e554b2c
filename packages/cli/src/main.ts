/** The command line. `bin/` calls `main` and turns what it returns into the exit code of the process. */
import { isAbort, isHoldfastError } from "@holdfast/base";
import { exactArguments } from "./argument-bytes.ts";
import { type ParsedCommandLine, parseCommandLine } from "./command-line.ts";
import { PROGRAM } from "./definitions/commands.ts";
import { GLOBAL_OPTIONS } from "./definitions/global-options.ts";
import { EXIT, exitCodeOf, reportFailure } from "./exit.ts";
import { GivenOptions } from "./given-options.ts";
import { formatHelp } from "./help-text.ts";
import { Interruption } from "./interruption.ts";
import { Output, type OutputSettings } from "./output/output.ts";
import { PasswordInput } from "./password/password-input.ts";
import { Variables } from "./variables.ts";
import { programVersion } from "./version.ts";

/** Runs one command line (without the program's own name) and returns its exit code. */
export async function main(argv: string[]): Promise<number> {
  const variables = Variables.take();
  // Until the options are read, errors are printed in the form that the command line seems to ask for.
  let output = new Output(settingsOf(variables, { json: argv.includes("--json"), quiet: false, verbosity: 0 }));
  const interruption = new Interruption(() => output.live?.end());
  interruption.listen();
  let code: number;
  let whenInterrupted: string | undefined;
  try {
    const parsed = parseCommandLine(PROGRAM, await exactArguments(argv));
    if (parsed.kind === "run") {
      const options = new GivenOptions([...GLOBAL_OPTIONS, ...(parsed.command.options ?? [])], parsed.typed, variables);
      const flags = { json: options.flag("json"), quiet: options.flag("quiet"), verbosity: options.count("verbose") };
      output = new Output(settingsOf(variables, flags));
      whenInterrupted = parsed.command.whenInterrupted;
      interruption.graceMs = parsed.command.graceMs ?? interruption.graceMs;
      code = await run(parsed, { options, variables, output, signal: interruption.signal });
    } else code = answer(parsed, output);
    await output.flush();
    interruption.throwIfOutputFailed();
  } catch (error) {
    output.live?.end();
    code = failureCode(error, interruption);
    const details = output.settings.verbosity > 0 || variables.plain("HOLDFAST_DEBUG") === "1";
    const shown = shownError(error, interruption);
    const hint = isHoldfastError(shown, "CLI_INTERRUPTED") ? whenInterrupted : undefined;
    if (!interruption.isQuiet) reportFailure(shown, output, { code, details, hint });
  }
  return code;
}

type Run = Extract<ParsedCommandLine, { kind: "run" }>;

interface RunParts {
  readonly options: GivenOptions;
  readonly variables: Variables;
  readonly output: Output;
  readonly signal: AbortSignal;
}

async function run({ command, args }: Run, parts: RunParts): Promise<number> {
  if (command.load === undefined) throw new Error(`the command '${command.name}' cannot be run`);
  const passwords = new PasswordInput(parts.output);
  try {
    const module = await command.load();
    return await module.run({ program: PROGRAM, args, passwords, ...parts });
  } finally {
    parts.output.live?.end();
    passwords.close();
  }
}

function answer(parsed: Exclude<ParsedCommandLine, Run>, output: Output): number {
  if (parsed.kind === "version") {
    output.print(`holdfast ${programVersion()}`);
    return EXIT.ok;
  }
  const text = formatHelp(PROGRAM, parsed.words, { width: process.stdout.columns });
  if (parsed.isMistake) output.error(text);
  else output.print(text);
  return parsed.isMistake ? EXIT.usage : EXIT.ok;
}

/** An interrupted run has the code of its signal, whatever broke on the way out. */
function failureCode(error: unknown, { exitCode }: Interruption): number {
  return exitCode ?? exitCodeOf(error);
}

function shownError(error: unknown, { signal }: Interruption): unknown {
  return signal.aborted && isAbort(error, signal) ? signal.reason : error;
}

function settingsOf(variables: Variables, flags: Omit<OutputSettings, "color">): OutputSettings {
  const noColor = variables.plain("NO_COLOR") !== undefined || variables.plain("TERM") === "dumb";
  return { ...flags, color: !noColor && process.stderr.isTTY };
}
