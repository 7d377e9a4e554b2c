/** Makes a search for blobs of what a person typed: ids of blobs or packs, or the beginnings of such. */
import { engineError } from "../errors.ts";
import { type BlobType, ID_BYTES, type Id, idToBytes, isId } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { readPackHeader } from "../repair/pack-header-reader.ts";
import { findFileId } from "../repository/find-id.ts";
import type { Repository } from "../repository/repository.ts";
import type { BlobQuery } from "./query.ts";

const LISTED = 5;

/**
 * A search for blobs by their ids. A whole id is searched for even when no index lists it: that tells who needs a lost blob.
 * @throws ENGINE_BLOB_ID_UNKNOWN, ENGINE_BLOB_ID_AMBIGUOUS
 */
export function queryForBlobs(index: BlobIndex, type: BlobType, texts: readonly string[]): BlobQuery {
  const ids = new Set(texts.filter(isId));
  const beginnings = texts.filter((text) => !isId(text)).map((text) => new Beginning(type, text));
  if (beginnings.length > 0) {
    const bytes = new Uint8Array(ID_BYTES);
    for (let entry = 0; entry < index.count; entry++) {
      if (index.typeAt(entry) !== type) continue;
      index.copyIdAt(entry, bytes, 0);
      for (const beginning of beginnings) {
        if (beginning.mayBegin(bytes)) beginning.add(index.idAt(entry));
      }
    }
  }
  for (const beginning of beginnings) ids.add(beginning.only());
  return { kind: "blobs", data: type === "data" ? [...ids] : [], trees: type === "tree" ? [...ids] : [] };
}

/**
 * A search for all blobs that lie in some packs, by the index, or by the pack's own list when no index names the pack.
 * @throws ENGINE_ID_NOT_FOUND, ENGINE_ID_AMBIGUOUS, damage of a pack's own list, and what the backend throws
 */
export async function queryForPacks(
  repository: Repository,
  index: BlobIndex,
  texts: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<BlobQuery> {
  const numbers = new Set<number>();
  const found = { data: new Set<Id>(), tree: new Set<Id>() };
  for (const text of texts) {
    const number = packInIndex(index, text);
    if (number !== undefined) {
      numbers.add(number);
      continue;
    }
    const id = await findFileId(repository, "pack", text, { signal });
    const stored = await repository.backend.stat({ type: "pack", name: id }, { signal });
    const blobs = await readPackHeader(repository, { id, sizeBytes: stored?.sizeBytes ?? 0 }, { signal });
    for (const blob of blobs) found[blob.type].add(blob.id);
  }
  for (let entry = 0; entry < index.count && numbers.size > 0; entry++) {
    const pack = index.locationAt(entry)?.pack;
    if (pack !== undefined && numbers.has(pack)) found[index.typeAt(entry)].add(index.idAt(entry));
  }
  return { kind: "blobs", data: [...found.data], trees: [...found.tree] };
}

/** Where a blob lies. */
export interface BlobPlace {
  readonly pack: Id;
  readonly offset: number;
  readonly lengthBytes: number;
  /** 0 when it is stored uncompressed. */
  readonly uncompressedBytes: number;
}

/** The places of a blob; none when no index lists it. */
export function placesOfBlob(index: BlobIndex, type: BlobType, id: Id): BlobPlace[] {
  return index.findAll(type, idToBytes(id), 0).map(({ pack, ...place }) => ({ ...place, pack: index.packId(pack) }));
}

/** The number of the one pack in the index with this id or beginning. */
function packInIndex(index: BlobIndex, text: string): number | undefined {
  if (isId(text)) return index.packNumber(text);
  if (!isBeginning(text)) return undefined;
  const matches: number[] = [];
  for (let pack = 0; pack < index.packCount; pack++) if (index.packId(pack).startsWith(text)) matches.push(pack);
  if (matches.length > 1) {
    throw engineError("ENGINE_ID_AMBIGUOUS", {
      type: "pack",
      text,
      matches: shortened(
        text,
        matches.map((n) => index.packId(n)),
      ),
    });
  }
  return matches[0];
}

/** The beginning of an id, and the ids that begin so. */
class Beginning {
  readonly #type: BlobType;
  readonly #text: string;
  readonly #firstByte: number;
  readonly #ids = new Set<Id>();

  constructor(type: BlobType, text: string) {
    if (!isBeginning(text)) throw engineError("ENGINE_BLOB_ID_UNKNOWN", { type, text });
    this.#type = type;
    this.#text = text;
    this.#firstByte = text.length >= 2 ? Number.parseInt(text.slice(0, 2), 16) : -1;
  }

  /** A quick look that spares making a text of most ids. */
  mayBegin(id: Uint8Array): boolean {
    return this.#firstByte < 0 || id[0] === this.#firstByte;
  }

  add(id: Id): void {
    // Two are enough to know that it is ambiguous; a few more are shown.
    if (id.startsWith(this.#text) && this.#ids.size < LISTED) this.#ids.add(id);
  }

  only(): Id {
    const [first, second] = this.#ids;
    const [type, text] = [this.#type, this.#text];
    if (first === undefined) throw engineError("ENGINE_BLOB_ID_UNKNOWN", { type, text });
    if (second === undefined) return first;
    throw engineError("ENGINE_BLOB_ID_AMBIGUOUS", { type, text, matches: shortened(text, [...this.#ids]) });
  }
}

function isBeginning(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(text);
}

/** A few of the ids, with as many digits as tell them from what was typed. */
function shortened(text: string, ids: readonly Id[]): string[] {
  return ids.slice(0, LISTED).map((id) => id.slice(0, Math.max(12, text.length + 4)));
}
