/** Which places of a snapshot `diff --live` compares with which paths. */
import { resolve } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import {
  type LivePair,
  type PathTarget,
  type StoredSnapshot,
  type TreeReader,
  engineError,
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
  if (subfolder !== "") {
    const [path] = paths;
    if (path === undefined || paths.length > 1) {
      const problem = "with SNAPSHOT:FOLDER give the one path to compare it with";
      throw cliError("CLI_USAGE", { problem, help: "holdfast help diff" });
    }
    return [{ place: await resolvePath(trees, stored.snapshot.tree, subfolder, { signal }), path: resolve(path) }];
  }
  const chosen = paths.length > 0 ? paths.map((path) => resolve(path)) : stored.snapshot.paths;
  const pairs: LivePair[] = [];
  for (const path of chosen) pairs.push({ place: await placeOf(trees, stored, path, signal), path });
  return pairs;
}

/**
 * What a backup was given as a relative path stands in the snapshot without the folders above: for a path at or below one that
 * the snapshot was made of, these are left out one by one.
 */
async function placeOf(
  trees: TreeReader,
  { snapshot }: StoredSnapshot,
  path: string,
  signal: AbortSignal,
): Promise<PathTarget> {
  const target = snapshot.paths.find((each) => path === each || path.startsWith(each === "/" ? each : `${each}/`));
  const folders = target?.split("/").filter((name) => name !== "") ?? [];
  const candidates = [path];
  for (let left = 1; left < folders.length; left++) {
    candidates.push(`/${folders.slice(left).join("/")}${path.slice(target?.length ?? 0)}`);
  }
  for (const candidate of candidates) {
    try {
      return await resolvePath(trees, snapshot.tree, candidate, { signal });
    } catch (error) {
      if (!isHoldfastError(error, "ENGINE_PATH_NOT_FOUND")) throw error;
    }
  }
  throw engineError("ENGINE_PATH_NOT_FOUND", { path: displayPath(path) });
}
