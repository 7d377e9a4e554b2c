/** Conformance: `load` and `stat`. */
import { describe, expect, test } from "vitest";
import { loadBytes } from "../bytes-source.ts";
import { FILE_TYPES } from "../keys.ts";
import {
  type SubjectFactory,
  expectAbsent,
  expectBytes,
  expectCode,
  get,
  put,
  unaborted,
} from "./conformance-subject.ts";
import { sampleFile } from "./sample-files.ts";
import { withSubject } from "./use-subject.ts";

const MIB = 1024 * 1024;

export function loadTests(factory: SubjectFactory): void {
  describe("load", () => {
    test.each([0, 1, 255, 4096, 65_537, MIB, 5 * MIB + 3])("returns the %i bytes that were saved", (sizeBytes) =>
      withSubject(factory, async ({ backend, writer }) => {
        const file = sampleFile("pack", sizeBytes);
        await put(writer, file);
        expectBytes(await get(backend, file.key), file.bytes);
        expect(await backend.stat(file.key, unaborted())).toMatchObject({ name: file.key.name, sizeBytes });
      })(),
    );

    test.each(FILE_TYPES)("knows files of type %s, and apart from the other types", (type) =>
      withSubject(factory, async ({ backend, writer }) => {
        const file = sampleFile(type, 1000, 7);
        await put(writer, file);
        expectBytes(await get(backend, file.key), file.bytes);
        for (const other of FILE_TYPES) {
          if (other !== type)
            await expectAbsent(backend, { type: other, name: other === "config" ? "" : "ab".repeat(32) });
          if (other !== type && other !== "config" && type !== "config") {
            await expectAbsent(backend, { type: other, name: file.key.name });
          }
        }
      })(),
    );

    test(
      "hands over the same bytes whether or not it reads into memory that is offered",
      withSubject(factory, async ({ backend, writer }) => {
        const file = sampleFile("pack", MIB);
        await put(writer, file);
        const range = { offset: 1000, length: 70_000 };
        // Memory that is too short or too long is not meant for this range.
        for (const length of [range.length, range.length - 1, range.length + 1]) {
          const room = new Uint8Array(new SharedArrayBuffer(length + 16)).subarray(16);
          const seen: number[] = [];
          const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
            seen.length = 0;
            for await (const chunk of chunks) seen.push(...chunk);
          };
          await backend.load(file.key, range, collect, { ...unaborted(), into: room });
          expectBytes(Uint8Array.from(seen), file.bytes.subarray(1000, 71_000));
        }
      }),
    );

    test.each([
      { offset: 0, length: 1 },
      { offset: 0, length: 3 * MIB },
      { offset: 12_345, length: 1_234_567 },
      { offset: 3 * MIB - 1, length: 1 },
      { offset: 5, length: 0 },
      { offset: 3 * MIB, length: 0 },
    ])("returns exactly the range $offset+$length", (range) =>
      withSubject(factory, async ({ backend, writer }) => {
        for (const type of ["pack", "index"] as const) {
          const file = sampleFile(type, 3 * MIB);
          await put(writer, file);
          const expected = file.bytes.subarray(range.offset, range.offset + range.length);
          expectBytes(await loadBytes(backend, file.key, range, unaborted()), expected);
        }
      })(),
    );

    test.each([
      { offset: 0, length: 1001 },
      { offset: 999, length: 2 },
      { offset: 1001, length: 0 },
      { offset: 5000, length: 10 },
    ])("refuses the range $offset+$length of a file of 1000 bytes", (range) =>
      withSubject(factory, async ({ backend, writer }) => {
        for (const type of ["pack", "snapshot"] as const) {
          const file = sampleFile(type, 1000);
          await put(writer, file);
          await expectCode(loadBytes(backend, file.key, range, unaborted()), "STORAGE_RANGE");
        }
      })(),
    );

    test.each([
      { offset: -1, length: 1 },
      { offset: 0, length: -1 },
      { offset: 0.5, length: 1 },
      { offset: Number.MAX_SAFE_INTEGER, length: 1 },
      { offset: Number.NaN, length: 1 },
    ])("refuses offset $offset and length $length, which are no range", (range) =>
      withSubject(factory, async ({ backend, writer }) => {
        const file = sampleFile("pack", 1000);
        await put(writer, file);
        await expectCode(loadBytes(backend, file.key, range, unaborted()), "STORAGE_INVALID_RANGE");
      })(),
    );

    test(
      "reports a missing file",
      withSubject(factory, async ({ backend }) => {
        for (const type of FILE_TYPES)
          await expectAbsent(backend, { type, name: type === "config" ? "" : "00".repeat(32) });
      }),
    );

    consumerTests(factory);
  });
}

function consumerTests(factory: SubjectFactory): void {
  test(
    "hands the first chunk over, unchanged by the later ones",
    withSubject(factory, async ({ backend, writer }) => {
      const file = sampleFile("pack", 3 * MIB);
      await put(writer, file);
      const first = await backend.load(file.key, undefined, keepFirst, unaborted());
      expectBytes(first, file.bytes.subarray(0, first.length));
      first.fill(0);
      expectBytes(await get(backend, file.key), file.bytes);
    }),
  );

  test(
    "passes on what the consumer returns or throws, also when it stops early",
    withSubject(factory, async ({ backend, writer }) => {
      const file = sampleFile("pack", 2 * MIB);
      await put(writer, file);
      expect(await backend.load(file.key, undefined, async () => 42, unaborted())).toBe(42);
      expect(await backend.load(file.key, undefined, stopEarly, unaborted())).toBe("some");
      const ours = new Error("the consumer's own");
      const outcome = backend.load(file.key, undefined, () => Promise.reject(ours), unaborted());
      expect(await outcome.catch((error: unknown) => error)).toBe(ours);
    }),
  );

  test(
    "serves many loads at once",
    withSubject(factory, async ({ backend, writer }) => {
      const files = Array.from({ length: 8 }, (_, seed) => sampleFile("pack", 300_000 + seed, seed));
      for (const file of files) await put(writer, file);
      const loads = Array.from({ length: 64 }, async (_, i) => {
        const file = files[i % files.length];
        if (file === undefined) return;
        const range = { offset: i * 1000, length: 4000 + i };
        const expected = file.bytes.subarray(range.offset, range.offset + range.length);
        expectBytes(await loadBytes(backend, file.key, range, unaborted()), expected);
      });
      await Promise.all(loads);
    }),
  );
}

async function keepFirst(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let first: Uint8Array | undefined;
  for await (const chunk of chunks) first ??= chunk;
  return first ?? new Uint8Array(0);
}

async function stopEarly(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  for await (const chunk of chunks) return chunk.length > 0 ? "some" : "none";
  return "nothing";
}
