import { expect, test } from "vitest";
import { SegmentMemory } from "./segment-memory.ts";

/** Lends that much and says when; the memory comes back when `end` is called. */
function borrow(memory: SegmentMemory, bytes: number) {
  const ending = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<Uint8Array>();
  const state = { isLent: false };
  const done = memory.lend(bytes, async (piece) => {
    state.isLent = true;
    begun.resolve(piece);
    await ending.promise;
  });
  return { state, begun: begun.promise, end: (): Promise<void> => (ending.resolve(), done) };
}

test("memory is lent up to a number of bytes; who comes later waits", async () => {
  const memory = new SegmentMemory(100);
  const [first, second, third] = [borrow(memory, 60), borrow(memory, 40), borrow(memory, 1)];
  expect((await Promise.all([first.begun, second.begun])).map(({ length }) => length)).toEqual([60, 40]);
  await new Promise(setImmediate);
  expect(third.state.isLent).toBe(false);
  await second.end();
  expect((await third.begun).length).toBe(1);
  await Promise.all([first.end(), third.end()]);
});

test("a piece larger than all of it is lent alone", async () => {
  const memory = new SegmentMemory(100);
  const large = borrow(memory, 5_000_000);
  const small = borrow(memory, 1);
  expect((await large.begun).length).toBe(5_000_000);
  expect(small.state.isLent).toBe(false);
  await large.end();
  await small.begun;
  await small.end();
});

test("pieces of about the same size, and smaller ones, get the same memory again", async () => {
  const memory = new SegmentMemory(100 * 1024 * 1024);
  const buffers = new Set<ArrayBufferLike>();
  for (const bytes of [5_000_000, 4_300_000, 8_388_608, 10, 1_000_000, 0]) {
    await memory.lend(bytes, async (piece) => {
      expect(piece.length).toBe(bytes);
      buffers.add(piece.buffer);
    });
  }
  expect(buffers.size).toBe(1);
});

test("what a borrower throws comes out, and its memory is back", async () => {
  const memory = new SegmentMemory(10);
  await expect(memory.lend(10, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await memory.lend(10, async () => {});
});
