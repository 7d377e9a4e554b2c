/** What options that exclude by something else than a pattern mean; the file system is asked elsewhere. */
import { engineError } from "../errors.ts";

/** A file whose presence in a folder excludes everything else in that folder. */
export interface TagFile {
  readonly name: string;
  /** The file counts only if it starts with this; absent: its presence is enough. */
  readonly header?: string;
}

/** `--exclude-caches`: the tag of cache folders (https://bford.info/cachedir/). */
export const CACHE_TAG: TagFile = {
  name: "CACHEDIR.TAG",
  header: "Signature: 8a477f597d28d172789f06886806bc55",
};

const MAX_SIZE = 2n ** 63n - 1n;
const UNITS: Readonly<Record<string, bigint>> = { b: 1n, k: 2n ** 10n, m: 2n ** 20n, g: 2n ** 30n, t: 2n ** 40n };

/** Reads `NAME` or `NAME:HEADER` of `--exclude-if-present`. @throws ENGINE_TAG_FILE_INVALID when there is no name */
export function parseTagFile(text: string): TagFile {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === "") throw engineError("ENGINE_TAG_FILE_INVALID", { text });
  const header = colon < 0 ? "" : text.slice(colon + 1);
  return header === "" ? { name } : { name, header };
}

/**
 * Reads a size in bytes, such as that of `--exclude-larger-than`: digits and perhaps one of b, k, m, g, t in either
 * case, for powers of 1024. Above 2^53 the result is rounded.
 *
 * @throws ENGINE_SIZE_INVALID, also from 2^63 on
 */
export function parseSizeBytes(text: string): number {
  const match = /^\+?([0-9]+)([bkmgt]?)$/i.exec(text);
  if (match === null) throw engineError("ENGINE_SIZE_INVALID", { text });
  const [, digits = "", unit = ""] = match;
  const bytes = BigInt(digits) * (UNITS[unit.toLowerCase()] ?? 1n);
  if (bytes > MAX_SIZE) throw engineError("ENGINE_SIZE_INVALID", { text });
  return Number(bytes);
}
