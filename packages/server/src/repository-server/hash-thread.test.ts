/** Hashes on another thread: those of many bodies at once, and what becomes of them when the thread dies. */
import { createHash, randomBytes } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { HashThread } from "./hash-thread.ts";

const hashing = new HashThread();

afterEach(() => hashing.close());

function shared(bytes: Uint8Array): Buffer {
  const block = Buffer.from(new SharedArrayBuffer(bytes.length));
  block.set(bytes);
  return block;
}

test("bodies whose blocks come in turns each get the hash of their own bytes", async () => {
  const bodies = Array.from({ length: 20 }, () => ({
    digest: hashing.begin(),
    blocks: [1, 2, 3].map(() => randomBytes(100_000)),
  }));
  for (const at of [0, 1]) {
    await Promise.all(bodies.map(({ digest, blocks }) => digest.update(shared(blocks[at] ?? Buffer.alloc(0)))));
  }
  const hashes = await Promise.all(
    bodies.map(({ digest, blocks }) => digest.finish(shared(blocks[2] ?? Buffer.alloc(0)))),
  );
  expect(hashes).toEqual(bodies.map(({ blocks }) => createHash("sha256").update(Buffer.concat(blocks)).digest("hex")));
});

test("a block may be used again once it was hashed", async () => {
  const digest = hashing.begin();
  const block = shared(Buffer.from("first "));
  await digest.update(block);
  block.set(Buffer.from("second"));
  expect(await digest.finish(block)).toBe(createHash("sha256").update("first second").digest("hex"));
});

test("a body of which nothing more comes leaves the others alone", async () => {
  const [dropped, kept] = [hashing.begin(), hashing.begin()];
  await Promise.all([dropped.update(shared(Buffer.from("lost"))), kept.update(shared(Buffer.from("kept")))]);
  dropped.drop();
  expect(await kept.finish(shared(Buffer.alloc(0)))).toBe(createHash("sha256").update("kept").digest("hex"));
});

test("when the thread dies, bodies under way fail, none gets a wrong hash, and the next ones have a new thread", async () => {
  const digest = hashing.begin();
  await digest.update(shared(Buffer.from("half")));
  const waiting = digest.finish(shared(Buffer.alloc(64 * 1024 * 1024)));
  await hashing.close();
  await expect(waiting).rejects.toMatchObject({ code: "SERVER_HASHING", transient: true });
  const after = hashing.begin();
  await expect(digest.finish(shared(Buffer.from("other half")))).rejects.toMatchObject({ code: "SERVER_HASHING" });
  expect(await after.finish(shared(Buffer.from("whole")))).toBe(createHash("sha256").update("whole").digest("hex"));
});
