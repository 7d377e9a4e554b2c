import { bytesSource } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { listEarly } from "./list-early.ts";

const { signal } = new AbortController();

describe("a list from before a repository is open", () => {
  test("has all names, or is none where there are more than are wanted", async () => {
    const backend = new MemoryBackend();
    const names = ["aa", "bb"].map((digits) => digits.repeat(32));
    for (const name of names)
      await backend.save({ type: "snapshot", name }, bytesSource(new Uint8Array(5)), { signal });
    expect(await listEarly(backend, "snapshot", { signal, most: 2 })).toEqual(new Set(names));
    expect(await listEarly(backend, "snapshot", { signal, most: 1 })).toBeUndefined();
    expect(await listEarly(backend, "lock", { signal, most: 0 })).toEqual(new Set());
  });

  test("that fails, or is aborted, is none", async () => {
    const backend = new MemoryBackend();
    const ended = AbortSignal.abort(new Error("enough"));
    expect(await listEarly(backend, "lock", { signal: ended, most: 0 })).toBeUndefined();
    backend.list = () => {
      throw new Error("not now");
    };
    expect(await listEarly(backend, "lock", { signal, most: 0 })).toBeUndefined();
  });
});
