/** A backend that hands every call to another one. Decorators extend it and override what they change. */
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  PauseCalls,
  RemoveOptions,
  RequestWarm,
  RetentionOutcome,
  RetentionWish,
  SaveOptions,
} from "../backend.ts";
import { storageError } from "../errors.ts";
import type { RemovalPlans } from "../plans/removal-plan.ts";

/** See `Backend` for each method. */
export abstract class ForwardingBackend implements Backend {
  protected readonly inner: Backend;

  constructor(inner: Backend) {
    this.inner = inner;
  }

  get location(): string {
    return this.inner.location;
  }

  get capabilities(): Capabilities {
    return this.inner.capabilities;
  }

  get removalPlans(): RemovalPlans | undefined {
    return this.inner.removalPlans;
  }

  initialize(options: CallOptions): Promise<void> {
    return this.inner.initialize(options);
  }

  save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    return this.inner.save(key, body, options);
  }

  load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    return this.inner.load(key, range, consume, options);
  }

  stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    return this.inner.stat(key, options);
  }

  list(type: FileType, options: CallOptions): AsyncIterable<FileInfo> {
    return this.inner.list(type, options);
  }

  remove(key: FileKey, options: RemoveOptions): Promise<void> {
    return this.inner.remove(key, options);
  }

  async extendRetention(key: FileKey, wish: RetentionWish, options: CallOptions): Promise<RetentionOutcome> {
    if (this.inner.extendRetention !== undefined) return this.inner.extendRetention(key, wish, options);
    throw storageError("STORAGE_NO_RETENTION", {
      location: this.location,
      reason: "a place of this kind has no locks",
    });
  }

  get pauseCalls(): PauseCalls | undefined {
    return this.inner.pauseCalls?.bind(this.inner);
  }

  get requestWarm(): RequestWarm | undefined {
    return this.inner.requestWarm?.bind(this.inner);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
