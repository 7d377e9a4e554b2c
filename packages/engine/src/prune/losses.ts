/** Why a prune refuses: something that snapshots need is not there. Each error says what is affected and what to do. */
import { messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import { findLosses } from "../forget/losses.ts";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { PackFacts } from "./pack-facts.ts";

/** Paths and packs that a message names; the error's details have more. */
const NAMED = 5;
const DETAILED = 1_000;

/** @throws ENGINE_INDEX_DAMAGED, always */
export function damagedIndex(id: Id, error: unknown): never {
  throw engineError("ENGINE_INDEX_DAMAGED", { id, reason: messageOf(error) }, error);
}

/** The error that names the snapshots and files whose data is missing. Trees are read again for it. */
export async function lostBlobs(
  repository: Repository,
  index: BlobIndex,
  snapshots: readonly StoredSnapshot[],
  { signal }: { signal: AbortSignal },
): Promise<Error> {
  const losses = await findLosses(repository, index, snapshots, { signal });
  // Snapshots share most files: a path is named once, with the first that lacks it.
  const paths = new Map<string, string>();
  for (const { id, parts } of losses) {
    for (const { path, reason } of parts) {
      const shown = displayPath(path);
      if (!paths.has(shown)) paths.set(shown, `${shown} (snapshot ${id.slice(0, 8)}: ${reason})`);
    }
  }
  const affected = [...paths.values()];
  return engineError("ENGINE_PRUNE_LOST", {
    snapshots: losses.length,
    paths: affected.length,
    named: named(affected),
    affectedSnapshots: losses.map(({ id }) => id).slice(0, DETAILED),
    affectedPaths: affected.slice(0, DETAILED),
  });
}

/** The error for packs that hold something needed, and that are missing or have the wrong size. */
export function lostPacks(index: BlobIndex, facts: PackFacts, packs: readonly number[]): Error {
  const described = packs.slice(0, DETAILED).map((pack) => {
    const size = facts.fileBytes[pack] as number;
    const wrong = size < 0 ? "missing" : `${size} bytes, by the index ${facts.expectedBytes[pack]}`;
    return `${index.packId(pack)} (${wrong})`;
  });
  return engineError("ENGINE_PRUNE_PACKS", { count: packs.length, named: named(described), packs: described });
}

function named(texts: readonly string[]): string {
  const more = texts.length - NAMED;
  return `${texts.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
