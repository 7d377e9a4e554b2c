import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CutChooser } from "../chunker/cut-chooser.ts";
import type { Id } from "../format/id.ts";
import { SEGMENT_BYTES } from "./file-content.ts";
import { LargeFile, type FileTask, type LargeFileResult } from "./large-file.ts";
import type { TaskResult } from "./messages.ts";

const MIB = 1024 * 1024;

/** Answers a task as a worker would for a file of `size` bytes with these candidates; an "id" names the chunk's range. */
function answer(task: FileTask, size: number, candidates: readonly number[]): TaskResult {
  if (task.kind === "scan") {
    const scannedTo = Math.max(task.from, Math.min(task.to, size));
    const inside = candidates.filter((at) => at > task.from && at <= scannedTo).map((at) => at - task.from);
    return { kind: "scan", runs: inside.flatMap((at) => [at, at]), scannedTo };
  }
  const ids: Id[] = [];
  let at = task.from;
  for (const end of task.ends) {
    const stop = Math.min(end, size);
    if (stop > at) ids.push(`${at}-${stop}` as Id);
    if (stop < end) return chunks(ids, Math.max(0, stop - task.from));
    at = end;
  }
  return chunks(ids, at - task.from);
}

/** All of it new, and stored in half the room. */
function chunks(ids: Id[], bytes: number): TaskResult {
  return { kind: "chunks", ids, bytes, added: { plain: bytes, stored: bytes / 2 } };
}

/** Runs the file with `width` workers whose tasks finish in an order that `pick` decides. */
function run(
  expected: number,
  actual: number,
  candidates: readonly number[],
  pick: (waiting: number) => number,
  width = 3,
): LargeFileResult | { failed: unknown } {
  const file = new LargeFile("/f", expected);
  const running: { worker: number; task: FileTask }[] = [];
  for (let number = 0; ;) {
    for (let worker = 0; worker < width; worker++) {
      if (running.some((entry) => entry.worker === worker)) continue;
      const next = file.next(worker);
      if (next !== undefined) running.push({ worker, task: next(++number) });
    }
    const [done] = running.splice(pick(running.length), 1);
    if (done === undefined) throw new Error("nothing runs and there is no result");
    file.accept(done.worker, answer(done.task, actual, candidates));
    const result = running.length === 0 ? file.result() : undefined;
    if (result !== undefined) return result;
  }
}

function reference(size: number, candidates: readonly number[]): string[] {
  const chooser = new CutChooser();
  const ends = [...chooser.push(candidates, size), ...chooser.finish(size)];
  return ends.map((end, n) => `${n === 0 ? 0 : ends[n - 1]}-${end}`);
}

describe("a large file read in pieces", () => {
  test("gives the chunks of one pass, in file order, whatever finishes first", () => {
    const file = fc.record({
      size: fc.integer({ min: 1, max: 100 * MIB }),
      parts: fc.array(fc.integer({ min: 1, max: 9 * MIB }), { maxLength: 60 }),
      picks: fc.infiniteStream(fc.nat(1000)),
    });
    fc.assert(
      fc.property(file, ({ size, parts, picks }) => {
        const candidates = parts
          .reduce<number[]>((all, part) => [...all, (all.at(-1) ?? 0) + part], [])
          .filter((at) => at <= size);
        const result = run(size, size, candidates, (waiting) => (picks.next().value as number) % Math.max(1, waiting));
        expect(result).toEqual({
          content: reference(size, candidates),
          sizeBytes: size,
          added: { plain: size, stored: size / 2 },
          problem: undefined,
        });
      }),
      { numRuns: 200 },
    );
  });

  test.for([0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, 30 * MIB + 17])(
    "one that shrinks to %i bytes is stored as far as it goes, and reported",
    (actual) => {
      const result = run(64 * MIB, actual, [], () => 0) as LargeFileResult;
      expect(result.sizeBytes).toBe(actual);
      expect(result.content).toEqual(reference(actual, []));
      expect(result.problem?.code).toBe("changed");
    },
  );

  test("a failing read ends it with that problem once nothing runs any more", () => {
    const file = new LargeFile("/f", 64 * MIB);
    const [first, second] = [file.next(0)?.(1), file.next(1)?.(2)] as [FileTask, FileTask];
    const problem = { code: "unreadable", path: "/f", reason: "input/output error" } as const;
    file.accept(0, { kind: "failed", problem });
    expect(first.kind).toBe("scan");
    expect(file.next(0)).toBeUndefined();
    expect(file.result()).toBeUndefined();
    file.accept(1, answer(second, 64 * MIB, []));
    expect(file.result()).toEqual({ failed: problem });
  });

  test("a worker that keeps a segment scans no other", () => {
    const file = new LargeFile("/f", 64 * MIB);
    const [first, second] = [file.next(0)?.(1), file.next(1)?.(2)] as [FileTask, FileTask];
    file.accept(1, answer(second, 64 * MIB, []));
    // Its cuts depend on the segment before it.
    expect(file.holds(1)).toBe(true);
    expect(file.next(1)).toBeUndefined();
    file.accept(0, answer(first, 64 * MIB, []));
    expect(file.next(1)?.(3).kind).toBe("chunks");
  });
});
