/**
 * Compares the packs in the store with the index before a backup trusts it. Packs that a killed run has stored and that no
 * index file lists are used, so that their blobs are not stored again. A pack is taken whole or not at all: its header must be
 * authentic and account for every byte, and the file must have the hash that names it. Packs that the index lists and that
 * are gone are forgotten, so that what the source still has of their blobs is stored again.
 */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import { loadBytes, type FileInfo } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import { idToBytes, type Id } from "../format/id.ts";
import { decodePackHeader, HEADER_LENGTH_BYTES, sealedHeaderBytes, type PackEntry } from "../format/pack-header.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { IndexedPack } from "../index/index-file.ts";
import { hashOfPack } from "../packs/read-back.ts";
import { openSealed, type Repository } from "./repository.ts";

/** Older ones were left by somebody's maintenance, not by a run that is being repeated. */
const MAX_AGE_MS = 7 * 24 * 60 * 60_000;
/** What is beyond this waits for `prune` or `repair index`. 1,000 packs are some 16 GB, a quarter of a minute to read. */
const MAX_PACKS = 1_000;
const PARALLEL_PACKS = 2;
/** Most headers are read with the length field behind them, in one call. */
const TAIL_BYTES = 16 * 1024;

/** A pack as the store lists it. */
export type PackFile = FileInfo & { readonly id: Id };

/** So many are kept in memory until the index is there: some 20 MB. */
const MOST_LISTED = 50_000;

/**
 * Lists packs before the index is there to compare them with, so that the two are waited for together.
 * @returns `undefined` when they are too many or cannot be listed: then `adoptPacks` lists them. Never rejects.
 */
export async function listPacks(
  repository: Repository,
  { signal, most = MOST_LISTED }: { signal: AbortSignal; most?: number },
): Promise<readonly PackFile[] | undefined> {
  const packs: PackFile[] = [];
  try {
    for await (const file of repository.files("pack", { signal })) {
      if (packs.length === most) return undefined;
      packs.push(file);
    }
    return packs;
  } catch {
    return undefined;
  }
}

export interface AdoptOptions {
  readonly signal: AbortSignal;
  /** Milliseconds since 1970; now if absent. */
  readonly nowMs?: number;
  readonly maxPacks?: number;
  /** The packs as they were listed a moment ago, perhaps before `index` was. */
  readonly listed?: readonly PackFile[] | undefined;
  /** Called for one pack after the other, at most two at once. */
  take(pack: IndexedPack): Promise<void>;
}

export interface AdoptResult {
  /** How many packs were taken. */
  readonly adopted: number;
  /** How many packs the index lists and the store does not have. */
  readonly missing: number;
}

/**
 * Hands over packs stored in the last seven days that hold at least one blob which the index does not know. Nothing is
 * written here: `take` adds them to the index and writes that down. What cannot be read or is damaged is passed over.
 * Blobs of packs that are missing are taken out of `index`; index files that list them stay for `repair index`. The caller
 * holds a lock that keeps others from removing packs.
 * @throws the signal's reason, and what `take` throws
 */
export async function adoptPacks(
  repository: Repository,
  index: BlobIndex,
  { signal, nowMs = Date.now(), maxPacks = MAX_PACKS, listed, take }: AdoptOptions,
): Promise<AdoptResult> {
  let adopted = 0;
  // A list that breaks off says nothing about what is missing.
  const compared = await passOver(() => comparePacks(repository, index, { signal, nowMs, maxPacks, listed }), signal);
  const { unlisted = [], missing = new Set<number>() } = compared ?? {};
  if (missing.size > 0) index.forgetPacks(missing);
  await forEachConcurrent(
    unlisted,
    PARALLEL_PACKS,
    async (file, inner) => {
      const pack = await passOver(() => readPack(repository, index, file, inner), inner);
      if (pack === undefined) return;
      await take(pack);
      adopted++;
    },
    { signal },
  );
  return { adopted, missing: missing.size };
}

interface CompareOptions {
  readonly signal: AbortSignal;
  readonly nowMs: number;
  readonly maxPacks: number;
  readonly listed: readonly PackFile[] | undefined;
}

/** The packs to look into, and the numbers of those that the index lists and the store does not have. */
async function comparePacks(
  repository: Repository,
  index: BlobIndex,
  { listed, ...options }: CompareOptions,
): Promise<ComparedPacks> {
  const compared = listed === undefined ? undefined : await compare(listed, index, options);
  // One that seems to be missing may have come between the two lists: then the packs have to be listed after the index.
  if (compared?.missing.size === 0) return compared;
  return compare(repository.files("pack", options), index, options);
}

interface ComparedPacks {
  readonly unlisted: readonly PackFile[];
  readonly missing: ReadonlySet<number>;
}

async function compare(
  files: Iterable<PackFile> | AsyncIterable<PackFile>,
  index: BlobIndex,
  { nowMs, maxPacks }: Pick<CompareOptions, "nowMs" | "maxPacks">,
): Promise<ComparedPacks> {
  const unlisted: PackFile[] = [];
  const missing = new Set(Array.from({ length: index.packCount }, (_, pack) => pack));
  for await (const file of files) {
    const listed = index.packNumber(file.id);
    if (listed !== undefined) missing.delete(listed);
    else if (file.receivedAtMs !== undefined && nowMs - file.receivedAtMs > MAX_AGE_MS) continue;
    else if (unlisted.length < maxPacks) unlisted.push(file);
  }
  return { unlisted, missing };
}

/** The pack with its blobs; `undefined` when the index knows all of them. @throws damage */
async function readPack(
  repository: Repository,
  index: BlobIndex,
  { id, sizeBytes }: PackFile,
  signal: AbortSignal,
): Promise<IndexedPack | undefined> {
  const what = `pack ${id}`;
  const entries = await readHeader(repository, id, sizeBytes, signal);
  if (entries.every((entry) => index.has(entry.type, idToBytes(entry.id), 0))) return undefined;
  if ((await hashOfPack(repository.backend, id, { signal })) !== id) throw engineError("ENGINE_WRONG_HASH", { what });
  const blobs = entries.map(({ plainBytes, ...blob }) => ({ ...blob, uncompressedBytes: plainBytes }));
  return { id, blobs };
}

/** @throws ENGINE_UNAUTHENTIC, ENGINE_MALFORMED */
async function readHeader(
  repository: Repository,
  id: Id,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<PackEntry[]> {
  const what = `pack ${id}`;
  const tail = async (length: number): Promise<Uint8Array> =>
    loadBytes(repository.backend, { type: "pack", name: id }, { offset: sizeBytes - length, length }, { signal });
  let end = await tail(Math.min(sizeBytes, TAIL_BYTES));
  const headerBytes = sealedHeaderBytes(end, sizeBytes, what);
  const wanted = headerBytes + HEADER_LENGTH_BYTES;
  if (wanted > end.length) end = await tail(wanted);
  const sealed = end.subarray(end.length - wanted, end.length - HEADER_LENGTH_BYTES);
  const entries = decodePackHeader(openSealed(repository.sealer, sealed, what), what);
  const blobBytes = entries.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (blobBytes + wanted !== sizeBytes) {
    const reason = `its header accounts for ${blobBytes + wanted} bytes, it has ${sizeBytes}`;
    throw engineError("ENGINE_MALFORMED", { what, reason });
  }
  return entries;
}

/** Adopting packs saves work and is never needed: what fails is done without. */
async function passOver<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (signal.aborted || !isHoldfastError(error)) throw error;
    return undefined;
  }
}
