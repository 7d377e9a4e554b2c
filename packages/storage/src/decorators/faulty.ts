/** Makes the calls of a backend go wrong as a plan says: what disks, networks and stores do, on demand. */
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  FileInfo,
  FileKey,
  FileType,
  RemoveOptions,
  SaveOptions,
} from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";
import { storageError } from "../errors.ts";
import { damaged } from "./damaged-chunks.ts";
import type { Fault, FaultOperation, FaultPlan } from "./faults.ts";
import { ForwardingBackend } from "./forwarding.ts";

export class FaultyBackend extends ForwardingBackend {
  readonly #plan: FaultPlan;
  readonly #clock: Clock;

  constructor(inner: Backend, plan: FaultPlan, clock: Clock = systemClock) {
    super(inner);
    this.#plan = plan;
    this.#clock = clock;
  }

  override initialize(options: CallOptions): Promise<void> {
    return this.#call("initialize", undefined, options, () => this.inner.initialize(options));
  }

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    return this.#call("save", key.type, options, async (fault) => {
      if (fault?.kind === "lie") return;
      const sizeBytes = fault?.kind === "truncate" ? Math.min(fault.keepBytes, body.sizeBytes) : body.sizeBytes;
      const open = () => damaged(body.open(), body.sizeBytes, fault, () => this.#failure(fault));
      await this.inner.save(key, fault === undefined ? body : { sizeBytes, open }, options);
    });
  }

  override load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    return this.#call("load", key.type, options, async (fault) => {
      if (fault === undefined) return this.inner.load(key, range, consume, options);
      const length = range?.length ?? (await this.inner.stat(key, options))?.sizeBytes ?? 0;
      const consumeDamaged = (chunks: AsyncIterable<Uint8Array>) =>
        consume(damaged(chunks, length, fault, () => this.#failure(fault)));
      return this.inner.load(key, range, consumeDamaged, options);
    });
  }

  override stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    return this.#call("stat", key.type, options, () => this.inner.stat(key, options));
  }

  override async *list(type: FileType, options: CallOptions): AsyncGenerator<FileInfo> {
    const fault = this.#plan.next("list", type);
    if (fault?.kind === "delay") await this.#clock.sleep(fault.ms, options);
    if (fault?.kind === "fail" && fault.when === "before") throw this.#failure(fault);
    for await (const info of this.inner.list(type, options)) {
      yield info;
      if (fault?.kind === "fail" && fault.when === "middle") throw this.#failure(fault);
    }
    if (fault?.kind === "fail") throw this.#failure(fault);
  }

  override remove(key: FileKey, options: RemoveOptions): Promise<void> {
    return this.#call("remove", key.type, options, async (fault) => {
      if (fault?.kind !== "lie") await this.inner.remove(key, options);
    });
  }

  async #call<T>(
    operation: FaultOperation,
    type: FileType | undefined,
    options: CallOptions,
    run: (fault: Fault | undefined) => Promise<T>,
  ): Promise<T> {
    const fault = this.#plan.next(operation, type);
    if (fault?.kind === "delay") await this.#clock.sleep(fault.ms, options);
    const hasStream = operation === "save" || operation === "load";
    if (fault?.kind === "fail" && (fault.when === "before" || (fault.when === "middle" && !hasStream))) {
      throw this.#failure(fault);
    }
    const result = await run(fault);
    if (fault?.kind === "fail") throw this.#failure(fault);
    return result;
  }

  #failure(fault: Fault | undefined): Error {
    if (fault?.kind === "fail" && fault.error !== undefined) return fault.error;
    return storageError("STORAGE_UNAVAILABLE", { location: this.location, reason: "a planned fault" });
  }
}
