/** Opens every blob of a pack of which something may be damaged. */
import { messageOf } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import { idOf, type BlobType, type Id } from "../format/id.ts";
import type { PackBlob } from "../index/index-file.ts";
import { Decompressor } from "../platform/zstd.ts";
import { openSealed, type Repository } from "../repository/repository.ts";

/** No restic or Holdfast blob is larger; a larger claim is a lie that must not cost memory. */
const MAX_BLOB_BYTES = 1024 * 1024 * 1024;

/** A blob that is whole. */
export interface SalvagedBlob {
  readonly kind: "salvaged";
  readonly type: BlobType;
  readonly id: Id;
  /** As it was sealed: compressed when `plainBytes` is not 0. Valid until the next blob is taken. */
  readonly stored: Uint8Array;
  readonly plainBytes: number;
}

/** A blob of which this copy is not whole. */
export interface LostCopy {
  readonly kind: "lost";
  readonly type: BlobType;
  readonly id: Id;
  readonly reason: string;
}

/**
 * Each blob once, whole if any of its places in the pack is.
 * @param places where the index and the pack's own header say that blobs are; they may contradict each other
 */
export function* salvage(
  repository: Repository,
  pack: { readonly id: Id; readonly bytes: Uint8Array },
  places: readonly PackBlob[],
): Generator<SalvagedBlob | LostCopy> {
  const decompressor = new Decompressor();
  const lost = new Map<string, LostCopy>();
  const saved = new Set<string>();
  for (const place of places) {
    const { id, type } = place;
    const key = `${type} ${id}`;
    if (saved.has(key)) continue;
    try {
      const stored = openPlace(repository, decompressor, pack, place);
      saved.add(key);
      lost.delete(key);
      yield { kind: "salvaged", type, id, stored, plainBytes: place.uncompressedBytes };
    } catch (error) {
      if (!isDamageError(error)) throw error;
      lost.set(key, { kind: "lost", type, id, reason: messageOf(error) });
    }
  }
  yield* lost.values();
}

function openPlace(
  repository: Repository,
  decompressor: Decompressor,
  pack: { readonly id: Id; readonly bytes: Uint8Array },
  { id, type, offset, lengthBytes, uncompressedBytes }: PackBlob,
): Uint8Array {
  const what = `${type} blob ${id} in pack ${pack.id}`;
  const end = offset + lengthBytes;
  if (end > pack.bytes.length) {
    throw engineError("ENGINE_MALFORMED", { what, reason: `it ends at byte ${end} of ${pack.bytes.length}` });
  }
  if (uncompressedBytes > MAX_BLOB_BYTES) {
    throw engineError("ENGINE_MALFORMED", { what, reason: `it claims ${uncompressedBytes} bytes` });
  }
  const stored = openSealed(repository.sealer, pack.bytes.subarray(offset, end), what);
  const plain = uncompressedBytes > 0 ? decompressor.decompress(stored, uncompressedBytes, what) : stored;
  if (idOf(plain) !== id) throw engineError("ENGINE_WRONG_HASH", { what });
  return stored;
}
