/**
 * An opened repository: the backend, the master key, and the encrypted JSON files (snapshots, indexes, locks). Blobs and
 * packs are read by `blob-reader.ts` and written by the pipelines; this class knows nothing of them.
 */
import {
  loadBytes,
  bytesSource,
  type Backend,
  type FileInfo,
  type FileType,
  type RemoveOptions,
} from "@holdfast/storage";
import type { ScryptParameters } from "../crypto/kdf.ts";
import { Sealer, type MasterKey } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import type { RepositoryConfig } from "../format/config.ts";
import { idOf, isId, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import { decodeUnpacked, encodeUnpacked } from "../format/unpacked.ts";

/** Files that hold one encrypted JSON document. */
export type DocumentType = Extract<
  FileType,
  "snapshot" | "index" | "lock" | "forgotten" | "hold" | "evidence" | "retention"
>;

/** No document may grow past this when decompressed: a hostile file cannot exhaust memory. */
export const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

export interface CallOptions {
  readonly signal: AbortSignal;
}

export class Repository {
  readonly backend: Backend;
  readonly config: RepositoryConfig;
  readonly masterKey: MasterKey;
  /** The key file that opened this session. */
  readonly keyId: Id;
  /** What deriving its key takes; `undefined` where nobody derived one. */
  readonly keyParameters: ScryptParameters | undefined;
  /** The key files that there were when it was opened. Empty for one that was made just now. */
  readonly keyIds: readonly Id[];
  readonly sealer: Sealer;
  /** Snapshots that were listed while it was being opened; absent, or `undefined`, where that is not known. */
  readonly seenSnapshots: Promise<ReadonlySet<Id> | undefined> | undefined;
  /** Gets every index that is loaded, before anything is read by it. A cache learns from it which packs hold trees. */
  readonly onIndex: ((index: BlobIndex) => void) | undefined;

  constructor(parts: {
    backend: Backend;
    config: RepositoryConfig;
    masterKey: MasterKey;
    keyId: Id;
    keyParameters?: ScryptParameters | undefined;
    keyIds?: readonly Id[];
    seenSnapshots?: Promise<ReadonlySet<Id> | undefined> | undefined;
    onIndex?: ((index: BlobIndex) => void) | undefined;
  }) {
    this.backend = parts.backend;
    this.config = parts.config;
    this.masterKey = parts.masterKey;
    this.keyId = parts.keyId;
    this.keyParameters = parts.keyParameters;
    this.keyIds = parts.keyIds ?? [];
    this.sealer = new Sealer(parts.masterKey);
    this.seenSnapshots = parts.seenSnapshots;
    this.onIndex = parts.onIndex;
  }

  /**
   * Reads, authenticates and decodes a document of at most `maxBytes`, sealed and decompressed.
   * @throws ENGINE_WRONG_HASH, ENGINE_UNAUTHENTIC, ENGINE_MALFORMED, and what the backend throws
   */
  async loadDocument(
    type: DocumentType,
    id: Id,
    { signal, maxBytes = MAX_DOCUMENT_BYTES }: CallOptions & { readonly maxBytes?: number },
  ): Promise<Uint8Array> {
    const sealed = await loadBytes(this.backend, { type, name: id }, undefined, { signal, maxBytes });
    const what = `${type} ${id}`;
    if (idOf(sealed) !== id) throw engineError("ENGINE_WRONG_HASH", { what });
    const json = this.openDocument(sealed, what, maxBytes);
    releaseBytes(sealed);
    return json;
  }

  /** Authenticates, decrypts and decompresses the bytes of a document file. */
  openDocument(sealed: Uint8Array, what: string, maxBytes = MAX_DOCUMENT_BYTES): Uint8Array {
    return decodeUnpacked(openSealed(this.sealer, sealed, what), maxBytes);
  }

  /** Stores a document and returns the id that names it. */
  async saveDocument(type: DocumentType, json: Uint8Array, { signal }: CallOptions): Promise<Id> {
    const { id, sealed } = this.sealDocument(json);
    await this.backend.save({ type, name: id }, bytesSource(sealed), { signal });
    return id;
  }

  /** The bytes of a document's file and the id that names it, for callers that must know the name before it is stored. */
  sealDocument(json: Uint8Array): { id: Id; sealed: Uint8Array } {
    const sealed = this.sealer.seal(encodeUnpacked(json, this.config.version));
    return { id: idOf(sealed), sealed };
  }

  async removeFile(type: FileType, id: Id, options: RemoveOptions): Promise<void> {
    await this.backend.remove({ type, name: id }, options);
  }

  /** Every file of a type whose name is an id. */
  async *files(type: Exclude<FileType, "config">, { signal }: CallOptions): AsyncIterable<FileInfo & { id: Id }> {
    for await (const info of this.backend.list(type, { signal })) {
      if (isId(info.name)) yield { ...info, id: info.name };
    }
  }

  close(): Promise<void> {
    return this.backend.close();
  }
}

/** `sealer.open` whose error names the thing that is damaged. */
export function openSealed(sealer: Sealer, sealed: Uint8Array, what: string): Uint8Array {
  try {
    return sealer.open(sealed);
  } catch (cause) {
    throw engineError("ENGINE_UNAUTHENTIC", { what }, cause);
  }
}
