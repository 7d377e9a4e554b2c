/** Whether a backup holds far less than the one before: excludes or paths may have been changed so that it succeeds and saves nothing. */
import type { BackupResult } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { formatBytes, formatLocalTime, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** The share by which a source may become smaller from one backup to the next, unless another is given: 0 to 1. */
const MAX_SHRINK = 0.3;

/** What is missing. */
export interface Shrinkage {
  /** Nothing is in it. */
  readonly isEmpty: boolean;
  /** The snapshot that held more; `undefined` for an empty backup that is the first. */
  readonly earlier:
    | { readonly id: string; readonly timeNs: bigint; readonly files: number; readonly bytes: number }
    | undefined;
}

/**
 * What a backup lacks against the last one of the same host and paths; `undefined` when it is empty in nothing and not smaller by
 * more than the share. @param maxShrink 0 to 1; 1 asks for empty ones only
 */
export function shrinkageOf(
  { filesDone, bytesDone, comparable }: Pick<BackupResult, "filesDone" | "bytesDone" | "comparable">,
  maxShrink: number = MAX_SHRINK,
): Shrinkage | undefined {
  const summary = comparable?.snapshot.summary;
  const earlier =
    comparable === undefined || summary === undefined
      ? undefined
      : {
          id: comparable.id,
          timeNs: comparable.snapshot.timeNs,
          files: summary.totalFilesProcessed,
          bytes: summary.totalBytesProcessed,
        };
  if (filesDone === 0 && bytesDone === 0) return { isEmpty: true, earlier };
  if (earlier === undefined || maxShrink >= 1) return undefined;
  const isSmall = (now: number, before: number): boolean => now <= before * (1 - maxShrink) && now < before;
  if (!isSmall(filesDone, earlier.files) && !isSmall(bytesDone, earlier.bytes)) return undefined;
  return { isEmpty: false, earlier };
}

/** Says it, as loudly as a problem. */
export function reportShrinkage(shrinkage: Shrinkage, result: BackupResult, output: Output): void {
  const { isEmpty, earlier } = shrinkage;
  const now = isEmpty
    ? "this backup is empty"
    : `this backup holds much less than the one before: ${plural(result.filesDone, "file")}, ${formatBytes(result.bytesDone)}`;
  const before =
    earlier === undefined
      ? ""
      : `, after ${plural(earlier.files, "file")}, ${formatBytes(earlier.bytes)} in ${shortId(earlier.id)} of ${formatLocalTime(earlier.timeNs)}`;
  const compare =
    earlier === undefined || result.snapshotId === undefined
      ? ""
      : `; \`holdfast diff ${shortId(earlier.id)} ${shortId(result.snapshotId)}\` shows what is missing`;
  output.warn(`${now}${before}. Look at paths and excludes${compare}`, {
    during: "backup",
    ...(result.snapshotId === undefined ? {} : { item: result.snapshotId }),
  });
}

/** Fields for the summary in JSON. */
export function shrinkageJson({ isEmpty, earlier }: Shrinkage): unknown {
  return { empty: isEmpty, snapshot: earlier?.id, files: earlier?.files, bytes: earlier?.bytes };
}
