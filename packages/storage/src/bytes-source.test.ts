import { describe, expect, test } from "vitest";
import { bytesSource, loadBytes, readBody } from "./bytes-source.ts";
import { FaultyBackend } from "./decorators/faulty.ts";
import { scriptedFaults } from "./decorators/faults.ts";
import { ForwardingBackend } from "./decorators/forwarding.ts";
import { MemoryBackend } from "./memory/memory-backend.ts";
import { unaborted } from "./testing/conformance-subject.ts";
import { sampleFile } from "./testing/sample-files.ts";

/** Hands out one buffer, filled anew for each chunk but the first, as the contract allows. */
class ReusingBackend extends ForwardingBackend {
  override load<T>(...[key, range, consume, options]: Parameters<MemoryBackend["load"]>): Promise<T> {
    async function* reusing(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(256 * 1024);
      let isFirst = true;
      for await (const chunk of chunks) {
        buffer.set(chunk);
        yield isFirst ? chunk : buffer.subarray(0, chunk.length);
        isFirst = false;
      }
    }
    return this.inner.load(key, range, (chunks) => consume(reusing(chunks)) as Promise<T>, options);
  }
}

describe("bytesSource", () => {
  test("adds up the sizes and yields its parts on every pass", async () => {
    const body = bytesSource(Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3));
    expect(body.sizeBytes).toBe(3);
    expect([...(await readBody(body))]).toEqual([1, 2, 3]);
    expect([...(await readBody(body))]).toEqual([1, 2, 3]);
  });

  test("of nothing is empty", async () => {
    expect(bytesSource().sizeBytes).toBe(0);
    expect((await readBody(bytesSource())).length).toBe(0);
  });
});

describe("loadBytes", () => {
  const file = sampleFile("pack", 1_000_000);

  async function stored(): Promise<MemoryBackend> {
    const backend = new MemoryBackend();
    await backend.save(file.key, bytesSource(file.bytes), unaborted());
    return backend;
  }

  test("joins chunks that share one buffer", async () => {
    const bytes = await loadBytes(new ReusingBackend(await stored()), file.key, undefined, unaborted());
    expect(Buffer.compare(bytes, file.bytes)).toBe(0);
  });

  test("returns the only chunk itself", async () => {
    const backend = await stored();
    let seen: Uint8Array | undefined;
    class SeeingBackend extends ForwardingBackend {
      override load<T>(...[key, range, consume, options]: Parameters<MemoryBackend["load"]>): Promise<T> {
        async function* seeing(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
          for await (const chunk of chunks) yield (seen = chunk);
        }
        return this.inner.load(key, range, (chunks) => consume(seeing(chunks)) as Promise<T>, options);
      }
    }
    const bytes = await loadBytes(new SeeingBackend(backend), file.key, { offset: 10, length: 20 }, unaborted());
    expect(bytes).toBe(seen);
    expect(bytes).toEqual(file.bytes.slice(10, 30));
  });

  test.each([undefined, { offset: 0, length: 1_000_000 }])("refuses more than maxBytes of %o", async (range) => {
    const backend = await stored();
    const tooLittle = loadBytes(backend, file.key, range, { ...unaborted(), maxBytes: 999_999 });
    await expect(tooLittle).rejects.toMatchObject({ code: "STORAGE_TOO_LARGE" });
    const enough = await loadBytes(backend, file.key, range, { ...unaborted(), maxBytes: 1_000_000 });
    expect(enough.length).toBe(1_000_000);
  });

  test("notices a store that returns less of a range than asked", async () => {
    const plan = scriptedFaults([{ operation: "load", call: 1, fault: { kind: "truncate", keepBytes: 50 } }]);
    const backend = new FaultyBackend(await stored(), plan);
    const load = loadBytes(backend, file.key, { offset: 0, length: 100 }, unaborted());
    await expect(load).rejects.toMatchObject({ code: "STORAGE_RANGE" });
  });
});
