/** What the options and arguments of `find` ask for. */
import {
  type EntryBounds,
  type NameQuery,
  type Repository,
  type StoredSnapshot,
  parseSizeBytes,
} from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/base";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { type GivenOptions, invalidValue } from "../given-options.ts";
import { chosenSnapshots, snapshotFilter } from "../snapshot-choice.ts";
import { parseSearchTime } from "./search-time.ts";

const ID_KINDS = ["blob", "tree", "pack"] as const;
/** Options that say something of names, of which ids have none. */
const OF_NAMES = ["ignore-case", "oldest", "newest", "larger", "smaller", "long"] as const;

/** What is searched for, by names or by the ids of one kind. */
export type Search = NameQuery | { readonly kind: (typeof ID_KINDS)[number]; readonly texts: readonly string[] };

/** @throws CLI_INVALID_VALUE, CLI_OPTIONS_CONFLICT, CLI_USAGE */
export function searchOf({ options, args }: CommandContext): Search {
  const [kind, other] = ID_KINDS.filter((name) => options.flag(name));
  if (kind === undefined) {
    if (options.flag("show-pack-id")) {
      const problem = "--show-pack-id needs --blob, --tree or --pack";
      throw cliError("CLI_USAGE", { problem, help: "holdfast help find" });
    }
    return { kind: "names", patterns: args, ignoreCase: options.flag("ignore-case"), bounds: boundsOf(options) };
  }
  if (other !== undefined) throw conflict(kind, other, "all patterns are ids of one kind");
  const needless = OF_NAMES.find((name) => options.count(name) > 0);
  if (needless !== undefined) throw conflict(kind, needless, "ids are searched for, not names");
  return { kind, texts: args };
}

/**
 * The snapshots to search, the newest first, or the oldest with --reverse.
 * @throws CLI_INVALID_VALUE, and what finding snapshots throws
 */
export async function snapshotsToSearch(
  repository: Repository,
  options: GivenOptions,
  { signal, onDamaged }: { signal: AbortSignal; onDamaged: (id: string, error: unknown) => void },
): Promise<StoredSnapshot[]> {
  const names = options.list("snapshot");
  const withFolder = names.find((name) => name.includes(":"));
  if (withFolder !== undefined) {
    throw invalidValue(withFolder, "--snapshot", "name the snapshot alone, and the folder in the pattern: /folder/**");
  }
  const chosen = await chosenSnapshots(repository, { names, filter: snapshotFilter(options), onDamaged }, { signal });
  const sorted = chosen.toSorted((a, b) => Number(b.snapshot.timeNs - a.snapshot.timeNs));
  return options.flag("reverse") ? sorted.reverse() : sorted;
}

function boundsOf(options: GivenOptions): EntryBounds {
  const time = "give a time such as 2026-11-01, '2026-11-01 22:08:41' or '01.11.2026 22:08 +0100'";
  const oldestNs = options.parsed("oldest", time, parseSearchTime);
  const newestNs = options.parsed("newest", time, parseSearchTime);
  const size = "give a number of bytes, or one with k, m, g or t after it";
  const largerThanBytes = options.parsed("larger", size, parseSize);
  const smallerThanBytes = options.parsed("smaller", size, parseSize);
  if (oldestNs !== undefined && newestNs !== undefined && oldestNs > newestNs) {
    throw conflict("oldest", "newest", "nothing is modified after the one and before the other");
  }
  if (largerThanBytes !== undefined && smallerThanBytes !== undefined && smallerThanBytes - largerThanBytes < 2) {
    throw conflict("larger", "smaller", "no size is between them");
  }
  return {
    ...(oldestNs === undefined ? {} : { oldestNs }),
    ...(newestNs === undefined ? {} : { newestNs }),
    ...(largerThanBytes === undefined ? {} : { largerThanBytes }),
    ...(smallerThanBytes === undefined ? {} : { smallerThanBytes }),
  };
}

function parseSize(text: string): number | undefined {
  try {
    return parseSizeBytes(text);
  } catch (error) {
    if (isHoldfastError(error, "ENGINE_SIZE_INVALID")) return undefined;
    throw error;
  }
}

function conflict(first: string, second: string, reason: string): Error {
  return cliError("CLI_OPTIONS_CONFLICT", { first: `--${first}`, second: `--${second}`, reason });
}
