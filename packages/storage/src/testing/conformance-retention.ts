/** Conformance: locks against deletion, where the backend says that it has them. */
import { describe, expect, test } from "vitest";
import type { Backend, FileKey } from "../backend.ts";
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

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;

export function retentionTests(factory: SubjectFactory): void {
  describe("retention", () => {
    test(
      "of a place without locks is refused, where there is a way to ask for it",
      withSubject(factory, async ({ backend, writer }) => {
        if (backend.capabilities.objectLock !== undefined || backend.extendRetention === undefined) return;
        const file = sampleFile("pack", 100);
        await put(writer, file);
        await expect(backend.extendRetention(file.key, { forMs: DAY_MS }, unaborted())).rejects.toThrow();
      }),
    );

    test.each(FILE_TYPES)("locks each file of type %s that is saved, locks excepted", (type) =>
      withLocks(factory, async (backend, days) => {
        const file = sampleFile(type, 100);
        await put(backend, file);
        const untilMs = await retainedUntil(backend, file.key);
        if (type === "lock") expect(untilMs).toBe(0);
        else expect(untilMs).toBeGreaterThan(Date.now() + days * DAY_MS - MINUTE_MS);
      })(),
    );

    test(
      "is extended, and never made shorter",
      withLocks(factory, async (backend, days) => {
        const file = sampleFile("pack", 1000);
        await put(backend, file);
        const laterMs = Date.now() + (days + 1) * DAY_MS;
        const forMs = (days + 1) * DAY_MS;
        expect(await backend.extendRetention?.(file.key, { forMs }, unaborted())).toMatchObject({ isExtended: true });
        expect(Math.abs((await retainedUntil(backend, file.key)) - laterMs)).toBeLessThan(MINUTE_MS);
        const shorter = await backend.extendRetention?.(file.key, { forMs: MINUTE_MS }, unaborted());
        expect(shorter).toMatchObject({ isExtended: false });
        expect(Math.abs((await retainedUntil(backend, file.key)) - laterMs)).toBeLessThan(MINUTE_MS);
        expectBytes(await get(backend, file.key), file.bytes);
      }),
    );

    test(
      "that has long enough to go is left alone",
      withLocks(factory, async (backend, days) => {
        const file = sampleFile("index", 1000);
        await put(backend, file);
        const beforeMs = await retainedUntil(backend, file.key);
        const wish = { forMs: (days + 9) * DAY_MS, unlessLeftMs: days * DAY_MS - MINUTE_MS };
        expect(await backend.extendRetention?.(file.key, wish, unaborted())).toEqual({
          isExtended: false,
          untilMs: beforeMs,
          beforeMs,
        });
        expect(await retainedUntil(backend, file.key)).toBe(beforeMs);
      }),
    );

    test(
      "of a file that is not there is refused",
      withLocks(factory, async (backend) => {
        const missing = { type: "pack", name: "00".repeat(32) } as const;
        await expectCode(
          backend.extendRetention?.(missing, { forMs: DAY_MS }, unaborted()) ?? Promise.resolve(),
          "STORAGE_NOT_FOUND",
        );
      }),
    );

    test(
      "lets a removed file disappear from sight",
      withLocks(factory, async (backend) => {
        const file = sampleFile("snapshot", 300);
        await put(backend, file);
        await backend.remove(file.key, unaborted());
        await expectAbsent(backend, file.key);
      }),
    );
  });
}

function withLocks(factory: SubjectFactory, body: (backend: Backend, days: number) => Promise<void>) {
  return withSubject(factory, async ({ backend }) => {
    const lock = backend.capabilities.objectLock;
    if (lock !== undefined) await body(backend, lock.days);
  });
}

async function retainedUntil(backend: Backend, key: FileKey): Promise<number> {
  return (await backend.stat(key, unaborted()))?.retainedUntilMs ?? 0;
}
