import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesSource } from "./bytes-source.ts";
import { FaultyBackend } from "./decorators/faulty.ts";
import { scriptedFaults } from "./decorators/faults.ts";
import { MemoryBackend } from "./memory/memory-backend.ts";
import { hasSameContent } from "./same-content.ts";
import { unaborted } from "./testing/conformance-subject.ts";
import { sampleBytes } from "./testing/sample-files.ts";

const KEY = { type: "config", name: "" } as const;

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = at.map((n) => n % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

test("equal bytes are the same however they are cut, and one changed byte is not", async () => {
  const sizes = fc.constantFrom(0, 1, 100, 256 * 1024, 600_000);
  await fc.assert(
    fc.asyncProperty(sizes, fc.array(fc.nat(), { maxLength: 6 }), fc.nat(), async (size, at, wrong) => {
      const backend = new MemoryBackend();
      const bytes = sampleBytes(size, 1);
      await backend.save(KEY, bytesSource(bytes), unaborted());
      expect(await hasSameContent(backend, KEY, bytesSource(...cut(bytes, at)), unaborted())).toBe(true);
      if (size === 0) return;
      const other = bytes.slice();
      other[wrong % size] = (other[wrong % size] ?? 0) ^ 1;
      expect(await hasSameContent(backend, KEY, bytesSource(...cut(other, at)), unaborted())).toBe(false);
    }),
    { numRuns: 60 },
  );
});

test("a missing file and one of another size are not the same", async () => {
  const backend = new MemoryBackend();
  expect(await hasSameContent(backend, KEY, bytesSource(), unaborted())).toBe(false);
  await backend.save(KEY, bytesSource(sampleBytes(10, 1)), unaborted());
  expect(await hasSameContent(backend, KEY, bytesSource(sampleBytes(9, 1)), unaborted())).toBe(false);
});

test("a store that returns only the beginning does not pass for equal", async () => {
  const inner = new MemoryBackend();
  const bytes = sampleBytes(1000, 1);
  await inner.save(KEY, bytesSource(bytes), unaborted());
  const plan = scriptedFaults([{ operation: "load", call: 1, fault: { kind: "truncate", keepBytes: 600 } }]);
  expect(await hasSameContent(new FaultyBackend(inner, plan), KEY, bytesSource(bytes), unaborted())).toBe(false);
});
