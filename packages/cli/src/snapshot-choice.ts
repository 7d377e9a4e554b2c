/** Which snapshots a command works on: its filter options and the ids that were given. */
import { resolve } from "node:path";
import {
  type Repository,
  type SnapshotFilter,
  type SnapshotGrouping,
  type StoredSnapshot,
  findSnapshot,
  listSnapshots,
} from "@holdfast/engine";
import { cliError } from "./errors.ts";
import { type GivenOptions, invalidValue } from "./given-options.ts";

/** `--host`, `--tag` and `--path`. @throws CLI_INVALID_VALUE */
export function snapshotFilter(options: GivenOptions): SnapshotFilter {
  return {
    hosts: options.list("host"),
    paths: pathOptions(options),
    tags: options.list("tag").map(splitTags),
  };
}

/** `--path`, absolute. An empty one, as an unset variable gives, would be the current folder. @throws CLI_INVALID_VALUE */
export function pathOptions(options: GivenOptions): string[] {
  return options.list("path").map((path) => {
    if (path === "") throw invalidValue("", "--path", "give an absolute path");
    return resolve(path);
  });
}

/** `a, b` as `["a", "b"]`; an empty text is the list of no tags. */
export function splitTags(text: string): string[] {
  return text
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

/** The snapshots that are named, in that order, each once; all that meet the filter when none is named. */
export async function chosenSnapshots(
  repository: Repository,
  {
    names,
    filter,
    onDamaged,
  }: { names: readonly string[]; filter: SnapshotFilter; onDamaged?: (id: string, error: unknown) => void },
  { signal }: { signal: AbortSignal },
): Promise<StoredSnapshot[]> {
  if (names.length === 0) {
    return listSnapshots(repository, { signal, filter, ...(onDamaged === undefined ? {} : { onDamaged }) });
  }
  const chosen = new Map<string, StoredSnapshot>();
  for (const name of names) {
    const stored = await findWholeSnapshot(repository, name, { signal, filter });
    chosen.set(stored.id, stored);
  }
  return [...chosen.values()];
}

/**
 * A snapshot, for what is done to a whole one.
 * @throws CLI_NOT_A_WHOLE_SNAPSHOT for a folder in one, ENGINE_ID_NOT_FOUND, ENGINE_ID_AMBIGUOUS
 */
export async function findWholeSnapshot(
  repository: Repository,
  text: string,
  options: { signal: AbortSignal; filter?: SnapshotFilter },
): Promise<StoredSnapshot> {
  if (text.includes(":")) throw cliError("CLI_NOT_A_WHOLE_SNAPSHOT", { text, whole: text.slice(0, text.indexOf(":")) });
  return (await findSnapshot(repository, text, options)).stored;
}

/** `--group-by`; `undefined` when it was not given. @throws CLI_INVALID_VALUE */
export function groupByOption(options: GivenOptions): SnapshotGrouping | undefined {
  const text = options.typed("group-by");
  return text === undefined ? undefined : splitTags(text).map((word) => groupField(word, text));
}

function groupField(word: string, text: string): SnapshotGrouping[number] {
  switch (word) {
    case "host":
    case "hosts":
      return "host";
    case "path":
    case "paths":
      return "paths";
    case "tag":
    case "tags":
      return "tags";
    default:
      throw invalidValue(text, "--group-by", "give host, paths and tags, separated by commas");
  }
}
