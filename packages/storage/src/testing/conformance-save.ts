/** Conformance: `save` and `remove`, where the backend allows them. */
import { describe, expect, test } from "vitest";
import type { FileType } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { FILE_TYPES } from "../keys.ts";
import {
  type ConformanceOptions,
  type SubjectFactory,
  expectBytes,
  expectClearedUp,
  expectCode,
  get,
  listAll,
  put,
  unaborted,
} from "./conformance-subject.ts";
import { sampleBytes, sampleFile } from "./sample-files.ts";
import { withSubject } from "./use-subject.ts";

export function saveTests(
  factory: SubjectFactory,
  access: "everything" | "append-only",
  { verifiesNames = false }: Pick<ConformanceOptions, "verifiesNames">,
): void {
  describe("save", () => {
    bodyTests(factory);
    ifAbsentTests(factory);
    if (access === "everything") replaceTests(factory, verifiesNames ? ["config"] : FILE_TYPES);
    if (verifiesNames) nameTests(factory);

    test(
      "of one name by several at once leaves the whole file",
      withSubject(factory, async ({ backend }) => {
        const file = sampleFile("pack", 700_000);
        await Promise.all(Array.from({ length: 8 }, () => put(backend, file)));
        expectBytes(await get(backend, file.key), file.bytes);
        expect((await listAll(backend, "pack")).length).toBe(1);
      }),
    );

    test(
      "of many files at once keeps them apart",
      withSubject(factory, async ({ backend }) => {
        const files = Array.from({ length: 40 }, (_, seed) => sampleFile("pack", 10_000 + seed, seed));
        await Promise.all(files.map((file) => put(backend, file)));
        for (const { key, bytes } of files) expectBytes(await get(backend, key), bytes);
      }),
    );
  });
}

function bodyTests(factory: SubjectFactory): void {
  test.each([
    { name: "no part", sizes: [] },
    { name: "many small parts", sizes: Array.from({ length: 3000 }, (_, i) => i % 1500) },
    { name: "small parts between large ones", sizes: [10, 700_000, 3, 0, 1_200_000, 262_144, 1, 262_143] },
  ])("joins a body of $name", ({ sizes }) =>
    withSubject(factory, async ({ backend }) => {
      const { key, bytes } = sampleFile(
        "pack",
        sizes.reduce((sum, size) => sum + size, 0),
      );
      let offset = 0;
      const parts = sizes.map((size) => bytes.subarray(offset, (offset += size)));
      await backend.save(key, bytesSource(...parts), unaborted());
      expectBytes(await get(backend, key), bytes);
    })(),
  );

  test(
    "takes each chunk of a body before it asks for the next, and opens the body as often as it likes",
    withSubject(factory, async ({ backend }) => {
      const { key, bytes } = sampleFile("pack", 2_000_000);
      async function* reusing(): AsyncGenerator<Uint8Array> {
        const buffer = new Uint8Array(300_000);
        for (let offset = 0; offset < bytes.length; offset += buffer.length) {
          const part = bytes.subarray(offset, offset + buffer.length);
          buffer.set(part);
          yield buffer.subarray(0, part.length);
        }
      }
      await backend.save(key, { sizeBytes: bytes.length, open: reusing }, unaborted());
      expectBytes(await get(backend, key), bytes);
    }),
  );

  test.each([-1, 1])("refuses a body whose size is off by %i, and leaves nothing", (difference) =>
    withSubject(factory, async (subject) => {
      const { backend } = subject;
      const { key, bytes } = sampleFile("pack", 1000);
      const body = { sizeBytes: bytes.length + difference, open: () => [bytes] };
      await expectCode(backend.save(key, body, unaborted()), "STORAGE_BODY_SIZE");
      await expectClearedUp(subject, key);
    })(),
  );

  test(
    "passes on the error of a body, and leaves nothing",
    withSubject(factory, async (subject) => {
      const { backend } = subject;
      const { key, bytes } = sampleFile("pack", 1000);
      const ours = Object.assign(new Error("the body's own"), { code: "ENOENT" });
      function* failing(): Generator<Uint8Array> {
        yield bytes.subarray(0, 500);
        throw ours;
      }
      const outcome = backend.save(key, { sizeBytes: bytes.length, open: failing }, unaborted());
      expect(await outcome.catch((error: unknown) => error)).toBe(ours);
      await expectClearedUp(subject, key);
    }),
  );
}

function ifAbsentTests(factory: SubjectFactory): void {
  test.each(FILE_TYPES)("with ifAbsent never replaces a file of type %s", (type) =>
    withSubject(factory, async ({ backend }) => {
      const file = sampleFile(type, 2000);
      const options = { ...unaborted(), ifAbsent: true };
      await backend.save(file.key, bytesSource(file.bytes), options);
      await expectCode(backend.save(file.key, bytesSource(sampleBytes(2000, 9)), options), "STORAGE_EXISTS");
      expectBytes(await get(backend, file.key), file.bytes);
    })(),
  );

  test(
    "with ifAbsent lets exactly one of several win, where the store decides",
    withSubject(factory, async ({ backend }) => {
      if (!backend.capabilities.conditionalPut) return;
      const bodies = Array.from({ length: 8 }, (_, seed) => sampleBytes(5000, seed));
      const key = { type: "config", name: "" } as const;
      const outcomes = await Promise.allSettled(
        bodies.map((bytes) => backend.save(key, bytesSource(bytes), { ...unaborted(), ifAbsent: true })),
      );
      const winners = bodies.filter((_, i) => outcomes[i]?.status === "fulfilled");
      expect(winners.length).toBe(1);
      expectBytes(await get(backend, key), winners[0] ?? new Uint8Array(0));
      const losses = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
      for (const loss of losses) expect(loss).toMatchObject({ code: "STORAGE_EXISTS" });
    }),
  );
}

function nameTests(factory: SubjectFactory): void {
  test.each(FILE_TYPES.filter((type) => type !== "config"))(
    "refuses bytes that are not what the name of a file of type %s says, and keeps what is there",
    (type) =>
      withSubject(factory, async (subject) => {
        const { backend } = subject;
        const file = sampleFile(type, 2000);
        const other = { key: file.key, bytes: sampleBytes(2000, 9) };
        // As of a body that was changed on its way: it may be sent again.
        await expectCode(put(backend, other), "STORAGE_UNAVAILABLE");
        await expectClearedUp(subject, file.key);
        await put(backend, file);
        await put(backend, other).catch(() => {});
        expectBytes(await get(backend, file.key), file.bytes);
      })(),
  );
}

function replaceTests(factory: SubjectFactory, types: readonly FileType[]): void {
  test.each(types)("replaces a file of type %s", (type) =>
    withSubject(factory, async ({ backend }) => {
      const { key } = sampleFile(type, 100);
      for (const sizeBytes of [3000, 10, 500_000]) {
        const bytes = sampleBytes(sizeBytes, sizeBytes);
        await put(backend, { key, bytes });
        expectBytes(await get(backend, key), bytes);
      }
      expect((await listAll(backend, type)).length).toBe(1);
    })(),
  );

  test(
    "replaces at one stroke, where the backend says so",
    withSubject(factory, async ({ backend }) => {
      if (!backend.capabilities.atomicReplace) return;
      const key = { type: "config", name: "" } as const;
      const versions = [new Uint8Array(400_000).fill(1), new Uint8Array(400_000).fill(2)] as const;
      await put(backend, { key, bytes: versions[0] });
      const write = async (): Promise<void> => {
        for (let i = 1; i <= 30; i++) await put(backend, { key, bytes: versions[(i % 2) as 0 | 1] });
      };
      const state = { isWriting: true };
      const writing = write().finally(() => (state.isWriting = false));
      while (state.isWriting) {
        const seen = await get(backend, key);
        expectBytes(seen, seen[0] === 1 ? versions[0] : versions[1]);
      }
      await writing;
    }),
  );
}
