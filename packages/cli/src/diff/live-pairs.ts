/** Which places of a snapshot `diff --live` compares with which paths. */
import { resolve } from "node:path";
import {
  type Id,
  type LivePair,
  type StoredSnapshot,
  type TreeReader,
  displayPath,
  resolvePath,
} from "@holdfast/engine";
import { cliError } from "../errors.ts";

interface Choice {
  readonly stored: StoredSnapshot;
  /** Behind the colon of the snapshot; empty without one. */
  readonly subfolder: string;
  /** As they were typed. */
  readonly paths: readonly string[];
}

/**
 * Each path with the same path in the snapshot; the one path with the folder behind the colon; without paths those that the
 * snapshot was made of.
 * @throws CLI_USAGE, ENGINE_PATH_NOT_FOUND
 */
export async function livePairs(
  trees: TreeReader,
  { stored, subfolder, paths }: Choice,
  { signal }: { signal: AbortSignal },
): Promise<LivePair[]> {
  const root: Id = stored.snapshot.tree;
  if (subfolder !== "") {
    const [path] = paths;
    if (path === undefined || paths.length > 1)
      throw usage("with SNAPSHOT:FOLDER give the one path to compare it with");
    return [{ place: await resolvePath(trees, root, subfolder, { signal }), path: resolve(path) }];
  }
  const chosen = paths.length > 0 ? paths.map((path) => resolve(path)) : stored.snapshot.paths;
  const relative = chosen.find((path) => !path.startsWith("/"));
  if (relative !== undefined) {
    throw usage(`'${displayPath(relative)}' in the snapshot is no absolute path: give SNAPSHOT:FOLDER and a path`);
  }
  const pairs: LivePair[] = [];
  for (const path of chosen) pairs.push({ place: await resolvePath(trees, root, path, { signal }), path });
  return pairs;
}

function usage(problem: string): Error {
  return cliError("CLI_USAGE", { problem, help: "holdfast help diff" });
}
