import { expect, test } from "vitest";
import type { BackupResult } from "@holdfast/engine";
import { shrinkageOf } from "./shrinkage.ts";

/** A backup of so many files and bytes, after one of so many; of the one before only its size is looked at. */
function result(
  files: number,
  bytes: number,
  before?: readonly [files: number, bytes: number],
): Parameters<typeof shrinkageOf>[0] {
  const summary = { totalFilesProcessed: before?.[0], totalBytesProcessed: before?.[1] };
  const comparable = { id: "1".repeat(64), snapshot: { timeNs: 0n, summary } } as unknown as BackupResult["comparable"];
  return { filesDone: files, bytesDone: bytes, comparable: before === undefined ? undefined : comparable };
}

test.for<[Parameters<typeof result>, number | undefined, "empty" | "smaller" | undefined]>([
  [[10, 1000], undefined, undefined],
  [[0, 0], undefined, "empty"],
  [[0, 0, [0, 0]], undefined, "empty"],
  [[0, 0, [10, 1000]], 1, "empty"],
  [[10, 1000, [10, 1000]], undefined, undefined],
  [[10, 1000, [0, 0]], undefined, undefined],
  [[8, 1000, [10, 1000]], undefined, undefined],
  // 30 % or more, in either.
  [[7, 1000, [10, 1000]], undefined, "smaller"],
  [[10, 700, [10, 1000]], undefined, "smaller"],
  [[10, 701, [10, 1000]], undefined, undefined],
  [[10, 700, [10, 1000]], 0.5, undefined],
  [[10, 500, [10, 1000]], 0.5, "smaller"],
  [[10, 1, [10, 1000]], 1, undefined],
  [[10, 1000, [10, 1000]], 0, undefined],
  [[10, 999, [10, 1000]], 0, "smaller"],
])("%j with %d: %s", ([args, maxShrink, expected]) => {
  const found = shrinkageOf(result(...args), maxShrink);
  expect(found && (found.isEmpty ? "empty" : "smaller")).toBe(expected);
});
