/** Conformance: what an abort does, for backends that can write. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { type SubjectFactory, expectAbsent, expectBytes, expectClearedUp, get, put } from "./conformance-subject.ts";
import { type SampleFile, sampleFile } from "./sample-files.ts";
import { withSubject } from "./use-subject.ts";

const REASON = new Error("stopped by the test");

export function abortTests(factory: SubjectFactory): void {
  describe("abort", () => {
    test(
      "before a call rejects with the reason and touches nothing",
      withSubject(factory, async ({ backend, writer }) => {
        const present = sampleFile("index", 1000);
        const absent = sampleFile("index", 1001);
        await put(writer, present);
        const options = { signal: AbortSignal.abort(REASON) };
        const list = async (): Promise<void> => {
          for await (const info of backend.list("index", options)) expect(info).toBeUndefined();
        };
        await expectReason(backend.save(absent.key, bytesSource(absent.bytes), options));
        await expectReason(backend.load(present.key, undefined, async () => "reached", options));
        await expectReason(backend.stat(present.key, options));
        await expectReason(backend.remove(present.key, options));
        await expectReason(backend.initialize(options));
        await expectReason(list());
        await expectAbsent(backend, absent.key);
        expectBytes(await get(backend, present.key), present.bytes);
      }),
    );

    test.each([0, 1, 2])("of a save while chunk %i of its body is due leaves nothing", (chunk) =>
      withSubject(factory, async (subject) => {
        const { backend } = subject;
        const file = sampleFile("pack", 900_000);
        await expectReason(saveAndAbort(backend, file, chunk));
        await expectClearedUp(subject, file.key);
        await put(backend, file);
        expectBytes(await get(backend, file.key), file.bytes);
      })(),
    );

    test.each([10, 3_000_000])("of a load of %i bytes in the middle rejects with the reason", (sizeBytes) =>
      withSubject(factory, async ({ backend, writer }) => {
        for (const type of ["pack", "index"] as const) {
          const file = sampleFile(type, sizeBytes);
          await put(writer, file);
          const aborter = new AbortController();
          const abortAndGoOn = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
            for await (const chunk of chunks) if (chunk.length > 0) aborter.abort(REASON);
          };
          await expectReason(backend.load(file.key, undefined, abortAndGoOn, { signal: aborter.signal }));
          expectBytes(await get(backend, file.key), file.bytes);
        }
      })(),
    );

    test(
      "of a list in the middle rejects with the reason",
      withSubject(factory, async ({ backend, writer }) => {
        for (let seed = 0; seed < 200; seed++) await put(writer, sampleFile("pack", 10, seed));
        const aborter = new AbortController();
        const list = async (): Promise<void> => {
          for await (const { name } of backend.list("pack", { signal: aborter.signal })) {
            if (name.length > 0) aborter.abort(REASON);
          }
        };
        await expectReason(list());
      }),
    );
  });
}

async function saveAndAbort(backend: Backend, { key, bytes }: SampleFile, at: number): Promise<void> {
  const aborter = new AbortController();
  async function* aborting(): AsyncGenerator<Uint8Array> {
    for (let chunk = 0; chunk < 3; chunk++) {
      if (chunk === at) aborter.abort(REASON);
      yield bytes.subarray(chunk * 300_000, (chunk + 1) * 300_000);
    }
  }
  await backend.save(key, { sizeBytes: bytes.length, open: aborting }, { signal: aborter.signal });
}

async function expectReason(promise: Promise<unknown>): Promise<void> {
  expect(await promise.catch((error: unknown) => error)).toBe(REASON);
}
