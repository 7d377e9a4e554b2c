/** Reads as much of a pack as can be read. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { loadBytes } from "@holdfast/storage";
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";

/** A larger file is no pack. */
const MAX_PACK_BYTES = 2 ** 31;
/** What is given up around a bad sector. */
const PIECE_BYTES = 64 * 1024;

/** A pack as far as it can be read. */
export interface LoadedPack {
  readonly id: Id;
  /** `undefined` when the store does not have the pack. */
  readonly sizeBytes: number | undefined;
  /** With zeros where nothing could be read; `undefined` when nothing could be read at all. */
  readonly bytes: Uint8Array | undefined;
  /** Why parts could not be read. */
  readonly unreadable: string | undefined;
  readonly unreadableBytes: number;
}

/**
 * The bytes of a pack. A file that cannot be read as a whole, as on a disk with bad sectors, is read piece by piece.
 * @throws what the backend throws when not a single piece can be read: then the store is out of reach, not the pack damaged
 */
export async function loadPack(
  repository: Repository,
  id: Id,
  { signal }: { signal: AbortSignal },
): Promise<LoadedPack> {
  const key = { type: "pack", name: id } as const;
  const info = await repository.backend.stat(key, { signal });
  if (info === undefined)
    return { id, sizeBytes: undefined, bytes: undefined, unreadable: undefined, unreadableBytes: 0 };
  const { sizeBytes } = info;
  if (sizeBytes > MAX_PACK_BYTES) {
    throw engineError("ENGINE_MALFORMED", {
      what: `pack ${id}`,
      reason: `a pack of ${sizeBytes} bytes is none of ours`,
    });
  }
  try {
    const bytes = await loadBytes(repository.backend, key, undefined, { signal, maxBytes: MAX_PACK_BYTES });
    return { id, sizeBytes, bytes, unreadable: undefined, unreadableBytes: 0 };
  } catch (error) {
    if (signal.aborted || !isReadFailure(error)) throw error;
    return loadPieces(repository, { id, sizeBytes }, error, signal);
  }
}

async function loadPieces(
  repository: Repository,
  { id, sizeBytes }: { id: Id; sizeBytes: number },
  failure: unknown,
  signal: AbortSignal,
): Promise<LoadedPack> {
  const bytes = new Uint8Array(sizeBytes);
  let unreadableBytes = 0;
  for (let offset = 0; offset < sizeBytes; offset += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, sizeBytes - offset);
    try {
      const key = { type: "pack", name: id } as const;
      bytes.set(await loadBytes(repository.backend, key, { offset, length }, { signal }), offset);
    } catch (error) {
      if (signal.aborted || !isReadFailure(error)) throw error;
      unreadableBytes += length;
    }
  }
  if (unreadableBytes === sizeBytes && !isDamageError(failure)) throw failure;
  const isAll = unreadableBytes === sizeBytes;
  return { id, sizeBytes, bytes: isAll ? undefined : bytes, unreadable: messageOf(failure), unreadableBytes };
}

/** True for a read that failed in the store itself: damage, and what a disk says of a bad sector. */
function isReadFailure(error: unknown): boolean {
  return isDamageError(error) || (isHoldfastError(error) && error.kind === "unavailable");
}
