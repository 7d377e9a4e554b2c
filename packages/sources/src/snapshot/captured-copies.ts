/**
 * A capture of which several repositories have a copy. It is read from one of them, and when that fails from another: in the middle of a
 * file as well, without reading again what was read.
 */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { CopyChange, CopyDamage, OpenedCopy, Snapshot, SpotCheckResult, StandbyCopy } from "@holdfast/engine";
import type { CapturedEntry, CapturedTree, ExtractOptions, SpotCheckRequest } from "../contract/captured-tree.ts";
import type { StoredFacts } from "../contract/facts.ts";
import type { CallOptions } from "../contract/source.ts";
import { CapturedSnapshot } from "./captured-snapshot.ts";

/** A repository with the capture. All have the same: the same tree at the same path. */
export interface CaptureCopy extends StandbyCopy {
  open(): Promise<OpenedCopy & { readonly snapshot: Snapshot }>;
}

export interface CopiesOptions extends CallOptions {
  /** Called when another copy is read, for what one could not give. */
  readonly onChange: (change: CopyChange) => void;
  /** Called for what was damaged in one copy of a folder, and came from another. */
  readonly onDamage: (damage: CopyDamage) => void;
  /** What the capture tells, where that has been read. */
  readonly facts?: StoredFacts;
}

/**
 * @param copies in the order in which they are tried; each is opened when it is needed
 * @throws SOURCES_DAMAGED when none holds the capture, and what opening the last of them throws
 */
export async function openCapturedCopies(
  copies: readonly CaptureCopy[],
  { signal, facts, ...telling }: CopiesOptions,
): Promise<CapturedTree> {
  const captured = new CapturedCopies(copies, telling);
  return Object.assign(captured, { facts: facts ?? (await captured.readFacts({ signal })) });
}

type Telling = Pick<CopiesOptions, "onChange" | "onDamage">;

interface Way {
  readonly captured: CapturedSnapshot;
  readonly copy: OpenedCopy;
}

class CapturedCopies implements Omit<CapturedTree, "facts"> {
  readonly #copies: readonly CaptureCopy[];
  readonly #tell: Telling;
  readonly #ways = new Map<number, Promise<Way>>();
  readonly #opened = new Map<number, Way>();
  /** The one that is read, unless something is damaged there. */
  #at = 0;

  constructor(copies: readonly CaptureCopy[], tell: Telling) {
    this.#copies = copies;
    this.#tell = tell;
  }

  readFacts(options: CallOptions): Promise<StoredFacts> {
    return this.#try(options, ({ captured }, signal) => captured.readFacts({ signal }));
  }

  list(folder: string | undefined, options: CallOptions): Promise<readonly CapturedEntry[]> {
    return this.#try(options, ({ captured }, signal) => captured.list(folder, { signal }));
  }

  async *read(path: string, { signal }: CallOptions): AsyncGenerator<Uint8Array> {
    let offset = 0;
    let attempt = new Attempt(this.#at);
    const told = new Set<number>();
    for (;;) {
      try {
        const way = await this.#way(attempt.at);
        const both = signalOf(way, signal);
        for await (const piece of way.captured.read(path, { signal: both, offset })) {
          offset += piece.length;
          yield piece;
          // What could not be read before lies behind: those that failed there may have the rest.
          if (attempt.hasFailures) attempt = new Attempt(attempt.at);
        }
        return;
      } catch (error) {
        this.#goOn(attempt, error, { signal, told });
      }
    }
  }

  async extract(path: string | undefined, folder: string, { signal, only }: ExtractOptions): Promise<void> {
    const found = await this.#try({ signal }, ({ captured }, both) => captured.find(path, { signal: both }));
    // The engine goes over to another copy by itself.
    const first = this.#at;
    const { captured, copy } = await this.#way(first);
    const others = this.#copies.map(({ location }, at): StandbyCopy => ({
      location,
      open: async () => (await this.#way(at)).copy,
    }));
    const damages = await captured.extractFound(found, folder, {
      signal,
      ...(only === undefined ? {} : { only }),
      copy: { signal: copy.signal, pace: copy.pace },
      standby: others.filter((_, at) => at !== first),
      onChange: ({ from, to, reason }) => {
        this.#at = this.#atOf(to) ?? this.#at;
        this.#tell.onChange({ from: this.#nameOf(from), to: this.#nameOf(to), reason });
      },
    });
    for (const damage of damages) this.#tell.onDamage({ ...damage, location: this.#nameOf(damage.location) });
  }

  spotCheck(path: string, { signal, ...request }: SpotCheckRequest): Promise<SpotCheckResult> {
    return this.#try({ signal }, ({ captured }, both) => captured.spotCheck(path, { ...request, signal: both }));
  }

  /** Does it with one copy after the other, until one can. */
  async #try<T>({ signal }: CallOptions, work: (way: Way, signal: AbortSignal) => Promise<T>): Promise<T> {
    const attempt = new Attempt(this.#at);
    const told = new Set<number>();
    for (;;) {
      try {
        const way = await this.#way(attempt.at);
        return await work(way, signalOf(way, signal));
      } catch (error) {
        this.#goOn(attempt, error, { signal, told });
      }
    }
  }

  /** Which copy lies there. @param place as its backend calls it */
  #atOf(place: string): number | undefined {
    for (const [at, { copy }] of this.#opened) if (copy.repository.backend.location === place) return at;
    return undefined;
  }

  #nameOf(place: string): string {
    const at = this.#atOf(place);
    return (at === undefined ? undefined : this.#copies[at]?.location) ?? place;
  }

  #way(at: number): Promise<Way> {
    const known = this.#ways.get(at);
    if (known !== undefined) return known;
    const opening = this.#open(at);
    this.#ways.set(at, opening);
    // It may be there again the next time.
    opening.catch(() => this.#ways.delete(at));
    return opening;
  }

  async #open(at: number): Promise<Way> {
    const copy = await (this.#copies[at] as CaptureCopy).open();
    const way = { captured: new CapturedSnapshot(copy), copy };
    this.#opened.set(at, way);
    return way;
  }

  /**
   * Chooses another copy, and tells that once of each.
   * @param told those that have failed this call, which goes to and fro between copies that are damaged in many places
   * @throws the error when no copy is at fault, or none is left
   */
  #goOn(attempt: Attempt, error: unknown, { signal, told }: CallOptions & { readonly told: Set<number> }): void {
    signal.throwIfAborted();
    const from = attempt.at;
    const isGone = this.#opened.get(from)?.copy.signal?.aborted === true;
    if (!isGone && !isFaultOfCopy(error)) throw error;
    const next = attempt.next(this.#copies.length);
    if (next === undefined) throw error;
    // What is damaged in one place may be all that is; a place that is out of reach has nothing else either.
    if (isGone || !isDamage(error)) this.#at = next;
    if (told.has(from)) return;
    told.add(from);
    const [one, other] = [this.#copies[from], this.#copies[next]] as [CaptureCopy, CaptureCopy];
    this.#tell.onChange({ from: one.location, to: other.location, reason: messageOf(error) });
  }
}

/** The copies that one call has tried. */
class Attempt {
  at: number;
  readonly #failed = new Set<number>();

  constructor(at: number) {
    this.at = at;
  }

  get hasFailures(): boolean {
    return this.#failed.size > 0;
  }

  /** Goes over to the next that has not failed. @returns `undefined` when all have */
  next(count: number): number | undefined {
    this.#failed.add(this.at);
    for (let at = 0; at < count; at++) if (!this.#failed.has(at)) return (this.at = at);
    return undefined;
  }
}

function signalOf({ copy }: Way, signal: AbortSignal): AbortSignal {
  return copy.signal === undefined ? signal : AbortSignal.any([signal, copy.signal]);
}

/** Whether another copy may do better. */
function isFaultOfCopy(error: unknown): boolean {
  return isHoldfastError(error) && (/^(ENGINE|STORAGE)_/.test(error.code) || error.code === "SOURCES_DAMAGED");
}

function isDamage(error: unknown): boolean {
  return isHoldfastError(error) && (error.kind === "corrupt" || error.kind === "not-found");
}
