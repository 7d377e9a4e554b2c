/** In which repositories a source is kept. */
import type { Configuration, SourceConfiguration } from "@holdfast/protection/configured";
import { chosenRepository } from "../configured/chosen-repository.ts";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { namedLocation } from "../repository-location.ts";

/**
 * A context for each: the one that the command line names, or all that the configuration names for this source.
 * @param onRefused called for a repository whose secrets cannot be had, where others will do; default: that is thrown
 * @throws CLI_SOURCE_NOWHERE, PROTECTION_SECRET
 */
export async function repositoriesOf(
  context: CommandContext,
  configuration: Configuration,
  source: SourceConfiguration,
  onRefused?: (name: string, error: unknown) => void,
): Promise<CommandContext[]> {
  const isTyped = ["repo", "repository-file"].some((option) => context.options.typed(option) !== undefined);
  if (isTyped) return [context];
  const names = source.repositories ?? [...configuration.repositories.keys()];
  const contexts: CommandContext[] = [];
  const refused: [name: string, error: unknown][] = [];
  for (const name of names) {
    try {
      const chosen = await chosenRepository(context, configuration, name);
      if (chosen !== undefined) contexts.push({ ...context, chosen });
    } catch (error) {
      context.signal.throwIfAborted();
      if (onRefused === undefined) throw error;
      refused.push([name, error]);
    }
  }
  if (contexts.length === 0 && refused[0] !== undefined) throw refused[0][1];
  for (const [name, error] of refused) onRefused?.(name, error);
  if (contexts.length > 0) return contexts;
  if ((await namedLocation(context)) !== undefined) return [context];
  throw cliError("CLI_SOURCE_NOWHERE", { name: source.name });
}
