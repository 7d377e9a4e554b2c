/** A store in memory that knows when it received each file, by a clock that tests set. */
import type { ByteSource, FileInfo, FileKey, FileType, SaveOptions } from "@holdfast/storage";
import { ForwardingBackend } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";

export class DatedBackend extends ForwardingBackend {
  /** Milliseconds since 1970. */
  nowMs: number;
  readonly #times = new Map<string, number>();

  constructor(nowMs: number, inner: ForwardingBackend["inner"] = new MemoryBackend()) {
    super(inner);
    this.nowMs = nowMs;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    await super.save(key, body, options);
    this.#times.set(`${key.type} ${key.name}`, this.nowMs);
  }

  override async stat(key: FileKey, options: { signal: AbortSignal }): Promise<FileInfo | undefined> {
    const info = await super.stat(key, options);
    return info === undefined ? undefined : this.#dated(key.type, info);
  }

  override async *list(type: FileType, options: { signal: AbortSignal }): AsyncGenerator<FileInfo> {
    for await (const info of super.list(type, options)) yield this.#dated(type, info);
  }

  #dated(type: FileType, info: FileInfo): FileInfo {
    const receivedAtMs = this.#times.get(`${type} ${info.name}`);
    return receivedAtMs === undefined ? info : { ...info, receivedAtMs };
  }
}
