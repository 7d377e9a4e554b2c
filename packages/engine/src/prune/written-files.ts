/** Takes down which packs and index files a run stores, so that these and no others are checked, or taken back. */
import { type ByteSource, ForwardingBackend, type FileKey, type SaveOptions } from "@holdfast/storage";
import type { Id } from "../format/id.ts";
import { Repository } from "../repository/repository.ts";

export interface WrittenFile {
  readonly type: "pack" | "index";
  readonly id: Id;
  readonly sizeBytes: number;
}

class RecordingBackend extends ForwardingBackend {
  readonly files: WrittenFile[] = [];

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    const { type, name } = key;
    // Before it is stored: the outcome of a save that fails may be unknown.
    if (type === "pack" || type === "index") this.files.push({ type, id: name as Id, sizeBytes: body.sizeBytes });
    return super.save(key, body, options);
  }
}

/** The same repository, and what is written through it: in the order in which it was stored, or tried to be. */
export function recorded(repository: Repository): { repository: Repository; written: WrittenFile[] } {
  const { config, masterKey, keyId, onIndex } = repository;
  const backend = new RecordingBackend(repository.backend);
  const parts = { backend, config, masterKey, keyId, ...(onIndex === undefined ? {} : { onIndex }) };
  return { repository: new Repository(parts), written: backend.files };
}
