/** What a command gets when it runs. */
import type { ChosenRepository } from "./configured/chosen-repository.ts";
import type { CommandDefinition } from "./definitions/definition.ts";
import type { GivenOptions } from "./given-options.ts";
import type { Output } from "./output/output.ts";
import type { PasswordInput } from "./password/password-input.ts";
import type { Variables } from "./variables.ts";

export interface CommandContext {
  readonly program: CommandDefinition;
  readonly options: GivenOptions;
  /** Positional arguments, surrogate-escaped. */
  readonly args: readonly string[];
  readonly variables: Variables;
  readonly output: Output;
  readonly passwords: PasswordInput;
  /** Aborts when the run is interrupted. */
  readonly signal: AbortSignal;
  /** The repository that a configuration names; without one, options and variables say which is meant. */
  readonly chosen?: ChosenRepository | undefined;
}

/** Does the work of a command and returns the exit code. */
export type RunCommand = (context: CommandContext) => Promise<number>;
