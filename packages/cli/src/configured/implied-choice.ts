/** Which repository of a configuration is meant where the command line gives its name, or no repository at all. */
import { existsSync } from "node:fs";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { type ChosenRepository, chosenRepository } from "./chosen-repository.ts";
import { findConfiguration } from "./read-configuration.ts";

type Context = Pick<CommandContext, "options" | "variables" | "signal">;

/** A name without anything that paths and addresses have. */
const NAME = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;

/** One choice a run; options are its own. */
const choices = new WeakMap<CommandContext["options"], ChosenRepository | undefined>();

/**
 * @param given what the command line or the environment names
 * @throws CLI_AMBIGUOUS_REPOSITORY, and what a configuration throws that cannot be used
 */
export async function impliedChoice(
  context: Context,
  given: string | undefined,
): Promise<ChosenRepository | undefined> {
  if (choices.has(context.options)) return choices.get(context.options);
  const chosen = await choose(context, given);
  choices.set(context.options, chosen);
  return chosen;
}

/** What `impliedChoice` has found in this run. */
export function choiceMadeBefore({ options }: Pick<Context, "options">): ChosenRepository | undefined {
  return choices.get(options);
}

async function choose(context: Context, given: string | undefined): Promise<ChosenRepository | undefined> {
  if (given !== undefined && !NAME.test(given)) return undefined;
  const configuration = await findConfiguration(context);
  if (configuration === undefined) return undefined;
  const names = [...configuration.repositories.keys()];
  const name = given ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined || !names.includes(name)) return undefined;
  if (given !== undefined && existsSync(given)) throw cliError("CLI_AMBIGUOUS_REPOSITORY", { name });
  return chosenRepository(context, configuration, name);
}
