/** In which repositories a source is kept. */
import type { Configuration, SourceConfiguration } from "@holdfast/protection/configured";
import { chosenRepository } from "../configured/chosen-repository.ts";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { namedLocation } from "../repository-location.ts";

/**
 * A context for each: the one that the command line names, or all that the configuration names for this source.
 * @throws CLI_SOURCE_NOWHERE, PROTECTION_SECRET
 */
export async function repositoriesOf(
  context: CommandContext,
  configuration: Configuration,
  source: SourceConfiguration,
): Promise<CommandContext[]> {
  const isTyped = ["repo", "repository-file"].some((option) => context.options.typed(option) !== undefined);
  if (isTyped) return [context];
  const names = source.repositories ?? [...configuration.repositories.keys()];
  const contexts: CommandContext[] = [];
  for (const name of names) {
    const chosen = await chosenRepository(context, configuration, name);
    if (chosen !== undefined) contexts.push({ ...context, chosen });
  }
  if (contexts.length > 0) return contexts;
  if ((await namedLocation(context)) !== undefined) return [context];
  throw cliError("CLI_SOURCE_NOWHERE", { name: source.name });
}
