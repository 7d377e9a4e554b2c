/** Which sources of the configuration a command line means. */
import { existsSync } from "node:fs";
import type { Configuration, SourceConfiguration } from "@holdfast/protection/configured";
import { findConfiguration, requireConfiguration } from "../configured/read-configuration.ts";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";

const NAME = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;

export interface MeantSources {
  readonly configuration: Configuration;
  readonly sources: readonly SourceConfiguration[];
}

/**
 * The sources that the arguments name: all of the configuration without arguments.
 * @returns `undefined` when an argument is no source, so that paths are meant
 * @throws CLI_AMBIGUOUS_SOURCE, and what a configuration throws that cannot be used
 */
export async function meantSources(context: CommandContext): Promise<MeantSources | undefined> {
  const { args } = context;
  if (args.some((each) => !NAME.test(each))) return undefined;
  const configuration = await findConfiguration(context);
  if (configuration === undefined) return undefined;
  if (args.length === 0) return { configuration, sources: [...configuration.sources.values()] };
  const sources = args.flatMap((name) => configuration.sources.get(name) ?? []);
  if (sources.length < args.length) return undefined;
  const file = args.find((name) => existsSync(name));
  if (file !== undefined) throw cliError("CLI_AMBIGUOUS_SOURCE", { name: file });
  return { configuration, sources };
}

/** As `meantSources`, where nothing but a source can be meant. @throws CLI_NO_CONFIGURATION, PROTECTION_NO_SOURCE */
export async function requireSources(context: CommandContext): Promise<MeantSources> {
  const configuration = await requireConfiguration(context);
  const { sourceNamed } = await import("@holdfast/protection/configured");
  const sources =
    context.args.length === 0
      ? [...configuration.sources.values()]
      : context.args.map((name) => sourceNamed(configuration, name));
  return { configuration, sources };
}
