/** Conformance: refused names, `remove`, repeated `initialize`, and what restricted access refuses. */
import { describe, expect, test } from "vitest";
import type { FileKey, FileType } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import {
  type ConformanceOptions,
  type SubjectFactory,
  expectAbsent,
  expectBytes,
  expectCode,
  get,
  put,
  unaborted,
} from "./conformance-subject.ts";
import { sampleBytes, sampleFile } from "./sample-files.ts";
import { withSubject } from "./use-subject.ts";

type Access = NonNullable<ConformanceOptions["access"]>;

const GOOD = "0123456789abcdef".repeat(4);

const BAD_KEYS: readonly FileKey[] = [
  { type: "pack", name: "" },
  { type: "pack", name: "../x" },
  { type: "pack", name: GOOD.toUpperCase() },
  { type: "pack", name: GOOD.slice(1) },
  { type: "pack", name: `${GOOD}0` },
  { type: "pack", name: `${GOOD}\n` },
  { type: "index", name: `${GOOD.slice(3)}/..` },
  { type: "snapshot", name: `../keys/${GOOD}` },
  { type: "lock", name: `${GOOD.slice(1)}\0` },
  { type: "config", name: GOOD },
  { type: "secret" as FileType, name: GOOD },
  { type: "constructor" as FileType, name: GOOD },
];

export function accessTests(
  factory: SubjectFactory,
  access: Access,
  { verifiesNames = false }: Pick<ConformanceOptions, "verifiesNames">,
): void {
  describe("access", () => {
    test.each(BAD_KEYS)("refuses '$name' as the name of a $type file", (key) =>
      withSubject(factory, async ({ backend }) => {
        await expectCode(get(backend, key), "STORAGE_INVALID_NAME");
        await expectCode(backend.stat(key, unaborted()), "STORAGE_INVALID_NAME");
        if (access === "read-only") return;
        await expectCode(backend.save(key, bytesSource(sampleBytes(10, 0)), unaborted()), "STORAGE_INVALID_NAME");
        await expectCode(backend.remove(key, unaborted()), "STORAGE_INVALID_NAME");
      })(),
    );

    if (access === "everything") removeTests(factory);
    if (access === "append-only") appendOnlyTests(factory, verifiesNames);
    if (access === "read-only") readOnlyTests(factory);
  });
}

function removeTests(factory: SubjectFactory): void {
  test(
    "a removed file is gone, cannot be removed again, and can be saved again",
    withSubject(factory, async ({ backend }) => {
      for (const type of ["config", "key", "lock", "snapshot", "index", "pack"] as const) {
        const file = sampleFile(type, 1234);
        await put(backend, file);
        await get(backend, file.key);
        await backend.remove(file.key, unaborted());
        await expectAbsent(backend, file.key);
        await expectCode(backend.remove(file.key, unaborted()), "STORAGE_NOT_FOUND");
        await put(backend, file);
        expectBytes(await get(backend, file.key), file.bytes);
      }
    }),
  );

  test(
    "initialize does no harm where files are",
    withSubject(factory, async ({ backend }) => {
      const file = sampleFile("pack", 100);
      await put(backend, file);
      await backend.initialize(unaborted());
      expectBytes(await get(backend, file.key), file.bytes);
    }),
  );
}

function appendOnlyTests(factory: SubjectFactory, verifiesNames: boolean): void {
  test.each(["config", "key", "snapshot", "index", "pack"] as const)(
    "append-only access removes and replaces no file of type %s",
    (type) =>
      withSubject(factory, async ({ backend }) => {
        const file = sampleFile(type, 100);
        await put(backend, file);
        await expectCode(backend.remove(file.key, unaborted()), "STORAGE_APPEND_ONLY");
        // A store that verifies names says so before it looks what is there.
        const refusal = verifiesNames && type !== "config" ? "STORAGE_UNAVAILABLE" : "STORAGE_EXISTS";
        await expectCode(put(backend, { key: file.key, bytes: sampleBytes(100, 5) }), refusal);
        await put(backend, file);
        expectBytes(await get(backend, file.key), file.bytes);
      })(),
  );

  test(
    "append-only access removes locks",
    withSubject(factory, async ({ backend }) => {
      const lock = sampleFile("lock", 100);
      await put(backend, lock);
      await backend.remove(lock.key, unaborted());
      await expectAbsent(backend, lock.key);
    }),
  );
}

function readOnlyTests(factory: SubjectFactory): void {
  test(
    "read-only access writes nothing",
    withSubject(factory, async ({ backend, writer }) => {
      const present = sampleFile("lock", 100);
      const absent = sampleFile("lock", 101);
      await put(writer, present);
      await expectCode(put(backend, absent), "STORAGE_WRITE_REFUSED");
      await expectCode(backend.remove(present.key, unaborted()), "STORAGE_WRITE_REFUSED");
      await expectCode(backend.initialize(unaborted()), "STORAGE_WRITE_REFUSED");
      await expectAbsent(backend, absent.key);
      expectBytes(await get(backend, present.key), present.bytes);
      expect(backend.capabilities.maxConcurrency).toBe(writer.capabilities.maxConcurrency);
    }),
  );
}
