/**
 * The plain form of the JSON documents that stand outside packs: indexes, snapshots, locks (restic: doc/design.rst,
 * "Unpacked Data Format"). Version 1 stores the JSON as it is; version 2 stores the byte 2 and zstd, and still reads
 * bare JSON.
 */
import { engineError } from "../errors.ts";
import { Compressor, decompressBounded } from "../platform/zstd.ts";

const COMPRESSED = 2;
const OBJECT = 0x7b;
const ARRAY = 0x5b;

let compressor: Compressor | undefined;

/** What to seal for a document in a repository of this version. */
export function encodeUnpacked(json: Uint8Array, version: 1 | 2): Uint8Array {
  if (version === 1) return json;
  compressor ??= new Compressor("auto");
  const compressed = compressor.compress(json);
  const out = new Uint8Array(1 + compressed.length);
  out[0] = COMPRESSED;
  out.set(compressed, 1);
  return out;
}

/**
 * The JSON of an opened document.
 *
 * @throws ENGINE_MALFORMED for an unknown encoding, ENGINE_DECOMPRESS when it is broken or larger than `maxBytes`
 */
export function decodeUnpacked(bytes: Uint8Array, maxBytes: number, what = "a document"): Uint8Array {
  const first = bytes[0];
  if (first === OBJECT || first === ARRAY) return bytes;
  if (first === COMPRESSED) return decompressBounded(bytes.subarray(1), maxBytes);
  const reason = first === undefined ? "it is empty" : `unknown encoding ${first}`;
  throw engineError("ENGINE_MALFORMED", { what, reason });
}
