/** How the locks of all that snapshots need stand, as the store says now. Nothing is changed. */
import { forEachConcurrent } from "@holdfast/base";
import type { FileKey } from "@holdfast/storage";
import type { Repository } from "../repository/repository.ts";
import { type NeededProgress, neededFiles } from "./needed-files.ts";

export interface LockStatusOptions {
  readonly signal: AbortSignal;
  /** Locks that end sooner than this are counted. Milliseconds. */
  readonly withinMs: number;
  /** By when the next run has to have extended them; what ends before it will not hold. Milliseconds since 1970. */
  readonly dueMs: number;
  readonly graceMs?: number | undefined;
  readonly onProgress?: (progress: { phase: NeededProgress["phase"] | "locks"; done: number; total: number }) => void;
}

/** A file that is needed, and until when it is locked: milliseconds since 1970. */
export interface LockEnd {
  readonly key: FileKey;
  readonly untilMs: number;
}

export interface LockStatus {
  readonly snapshots: number;
  readonly files: number;
  /** Needed and not there, or not with the size that they must have. */
  readonly lost: number;
  /** Never locked, or no longer. */
  readonly unlocked: number;
  /** Locked, and not for as long as until the next run. */
  readonly tooShort: number;
  /** Locked, for less than was asked about. */
  readonly within: number;
  /** The first lock that ends, of those that hold. */
  readonly earliest: LockEnd | undefined;
  /** Some of those that are unlocked. */
  readonly examples: readonly FileKey[];
  readonly doubts: readonly string[];
}

const EXAMPLES = 5;

/** One request for each file that is needed. @throws what the backend throws; damage is a doubt */
export async function lockStatus(repository: Repository, options: LockStatusOptions): Promise<LockStatus> {
  const { signal, withinMs, dueMs, graceMs, onProgress } = options;
  const needed = await neededFiles(repository, { signal, graceMs, nowMs: Date.now(), onProgress });
  const lost = new Set<string>(needed.lostPacks);
  const counts = { files: 0, unlocked: 0, tooShort: 0, within: 0 };
  const examples: FileKey[] = [];
  let earliest: LockEnd | undefined;
  const atOnce = Math.max(1, repository.backend.capabilities.maxConcurrency);
  const look = async (key: FileKey, inner: AbortSignal): Promise<void> => {
    const info = await repository.backend.stat(key, { signal: inner });
    onProgress?.({ phase: "locks", done: ++counts.files, total: needed.count });
    if (info === undefined) return void lost.add(`${key.type} ${key.name}`);
    const { retainedUntilMs: untilMs = 0, storeTimeMs: nowMs = Date.now() } = info;
    if (untilMs <= nowMs) {
      counts.unlocked++;
      if (examples.length < EXAMPLES) examples.push(key);
      return;
    }
    if (untilMs < dueMs) counts.tooShort++;
    if (untilMs < nowMs + withinMs) counts.within++;
    if (earliest === undefined || untilMs < earliest.untilMs) earliest = { key, untilMs };
  };
  await forEachConcurrent(needed.files(), atOnce, look, { signal });
  return { ...counts, lost: lost.size, snapshots: needed.snapshots, earliest, examples, doubts: needed.doubts };
}
