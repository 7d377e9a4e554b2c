/** A source with a journal, as the commands about journals use it. */
import { hostname } from "node:os";
import type { Configuration, OpenedSource, SourceConfiguration } from "@holdfast/protection/configured";
import { type JournalBackup, type JournalFormat, sourcesError } from "@holdfast/sources";
import { requireConfiguration } from "../configured/read-configuration.ts";
import type { CommandContext } from "../context.ts";
import { repositoriesOf } from "../sources/source-repositories.ts";
import { sourceRun } from "../sources/source-run.ts";
import { currentUser } from "../values/key-origin.ts";
import { packOptions } from "../values/pack-options.ts";
import { programVersion } from "../version.ts";

export interface JournaledSource {
  readonly opened: OpenedSource;
  readonly configuration: Configuration;
  readonly format: JournalFormat;
  /** A context for each of its repositories, the first one first. */
  readonly targets: readonly [CommandContext, ...CommandContext[]];
}

/** @throws PROTECTION_NO_SOURCE, SOURCES_NO_JOURNAL, CLI_SOURCE_NOWHERE, and what the configuration throws */
export async function withJournaled<T>(
  context: CommandContext,
  name: string,
  work: (source: JournaledSource) => Promise<T>,
): Promise<T> {
  const configuration = await requireConfiguration(context);
  const { sourceNamed, withSource } = await import("@holdfast/protection/configured");
  const source: SourceConfiguration = sourceNamed(configuration, name);
  return withSource(configuration, source, sourceRun(context), async (opened) => {
    const format = opened.kind.journal;
    if (format === undefined) {
      throw sourcesError("SOURCES_NO_JOURNAL", { source: `source ${name}`, kind: source.kind });
    }
    const targets = (await repositoriesOf(context, configuration, source)) as [CommandContext, ...CommandContext[]];
    return work({ opened, configuration, format, targets });
  });
}

/** How a journal is stored. @throws CLI_INVALID_VALUE */
export function journalBackup({ options }: CommandContext): JournalBackup {
  return {
    hostname: hostname(),
    username: currentUser(),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    ...packOptions(options),
    workers: 2,
    programVersion: `holdfast ${programVersion()}`,
  };
}

/** What a repository of a source is called in messages. */
export function repositoryTitle({ chosen }: CommandContext): string {
  return chosen === undefined ? "the repository" : chosen.name;
}
