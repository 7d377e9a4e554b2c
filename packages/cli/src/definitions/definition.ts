/**
 * What a command is, as plain data: the parser, the help, the completion scripts and the man pages are all made from it.
 * Definitions load in a few milliseconds; the work of a command is a module of its own, loaded only when it runs.
 */
import type { RunCommand } from "../context.ts";

/** What a shell offers for a value. */
export type Completes = "file" | "folder" | "command" | "nothing";

export interface OptionDefinition {
  /** As commander reads them: `-t, --target <dir>`. The long name is the option's name everywhere. */
  readonly flags: string;
  /** One sentence without a full stop. */
  readonly description: string;
  readonly choices?: readonly string[];
  /** May be given several times; the values add up. */
  readonly repeatable?: true;
  /** The variables `HOLDFAST_…` and `RESTIC_…` with this ending stand in for the option. */
  readonly environment?: string;
  /** Shown in the help; the command itself applies it. */
  readonly defaultText?: string;
  readonly completes?: Completes;
}

export interface ArgumentDefinition {
  readonly name: string;
  readonly description: string;
  readonly required?: true;
  readonly variadic?: true;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
}

export interface Example {
  readonly command: string;
  readonly description: string;
}

export interface CommandDefinition {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly arguments?: readonly ArgumentDefinition[];
  readonly options?: readonly OptionDefinition[];
  readonly examples?: readonly Example[];
  /** Exit codes with a meaning of their own here, besides 0, 1, 2 and 130. */
  readonly exitCodes?: readonly number[];
  /** What to do after it was interrupted, as a hint. */
  readonly whenInterrupted?: string;
  /** How long it may take to end after an interruption, in milliseconds. Default: a second. */
  readonly graceMs?: number;
  /** Heading in the list of commands. */
  readonly group?: string;
  readonly subcommands?: readonly CommandDefinition[];
  /** Loads what does the work; absent for a group of commands. */
  readonly load?: () => Promise<{ readonly run: RunCommand }>;
}

/** The name of an option: its long flag without the dashes. */
export function optionName({ flags }: Pick<OptionDefinition, "flags">): string {
  const name = /--([a-z0-9-]+)/.exec(flags)?.[1];
  if (name === undefined) throw new Error(`the option '${flags}' has no long form`);
  return name;
}

/** The one-letter form with its dash, if there is one. */
export function shortFlag({ flags }: Pick<OptionDefinition, "flags">): string | undefined {
  return /^-[A-Za-z]\b/.exec(flags)?.[0];
}

/** What the help calls the value; `undefined` for an option without one. */
export function valueName({ flags }: Pick<OptionDefinition, "flags">): string | undefined {
  return /<([^>]+)>/.exec(flags)?.[1];
}
