/** Loads a pack that was just stored, and compares it with its name: what a place was given need not be what it keeps. */
import { createHash } from "node:crypto";
import { isHoldfastError } from "@holdfast/base";
import type { Backend, CallOptions } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";

/** What differs once may have been damaged on its way to here; what differs twice is stored so. */
const READS = 2;

/**
 * @param backend without a cache, which would answer in its place
 * @throws ENGINE_NOT_AS_STORED, and what the backend throws when it is out of reach; on abort the signal's reason
 */
export async function readBack(backend: Backend, pack: Id, { signal }: CallOptions): Promise<void> {
  const refuse = (reason: string, cause?: unknown): Error =>
    engineError("ENGINE_NOT_AS_STORED", { location: backend.location, pack, reason }, cause);
  let found = "";
  for (let read = 0; read < READS; read++) {
    try {
      found = await hashOfPack(backend, pack, { signal });
    } catch (error) {
      if (isHoldfastError(error, "STORAGE_NOT_FOUND")) throw refuse("it is not there", error);
      throw error;
    }
    if (found === pack) return;
  }
  throw refuse(`its hash is ${found}`);
}

/** The hash of the whole file in hexadecimal digits, read as a stream. */
export function hashOfPack(backend: Backend, pack: Id, { signal }: CallOptions): Promise<string> {
  const digest = async (chunks: AsyncIterable<Uint8Array>): Promise<string> => {
    const hash = createHash("sha256");
    for await (const chunk of chunks) hash.update(chunk);
    return hash.digest("hex");
  };
  return backend.load({ type: "pack", name: pack }, undefined, digest, { signal });
}
