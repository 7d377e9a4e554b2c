/**
 * Several write to one journal at once, some of them are killed in the middle: nothing that was acknowledged is lost.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Repository, Repository as OpenedRepository } from "@holdfast/engine";
import {
  type ByteSource,
  type CallOptions,
  type FileKey,
  ForwardingBackend,
  type SaveOptions,
} from "@holdfast/storage";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { walFormat } from "../../src/postgres/physical/wal-format.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { SYSTEM, madeName, makeSegment } from "./made-wal.ts";

const signal = new AbortController().signal;
const STREAM = String(SYSTEM);
const identity = { kind: "postgres", name: "shop" };
const labs: SourceLab[] = [];
afterAll(() => {
  for (const lab of labs) lab.remove();
});

/** A way to the store on which calls take as long as it says, and that ends for good after so many writes. */
class Line extends ForwardingBackend {
  readonly #delays: readonly number[];
  readonly #dead: AbortController;
  #calls = 0;
  #writesLeft: number;

  constructor(repository: Repository, delays: readonly number[], dead: AbortController, writesLeft: number) {
    super(repository.backend);
    this.#delays = delays;
    this.#dead = dead;
    this.#writesLeft = writesLeft;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    await this.#wait();
    if (this.#writesLeft-- === 0) this.#dead.abort(new Error("killed"));
    this.#dead.signal.throwIfAborted();
    return super.save(key, body, options);
  }

  override async *list(...args: Parameters<ForwardingBackend["list"]>): ReturnType<ForwardingBackend["list"]> {
    await this.#wait();
    this.#dead.signal.throwIfAborted();
    yield* super.list(...args);
  }

  override async remove(key: FileKey, options: CallOptions): Promise<void> {
    this.#dead.signal.throwIfAborted();
    return super.remove(key, options);
  }

  async #wait(): Promise<void> {
    await sleep(this.#delays[this.#calls++ % this.#delays.length] ?? 0);
  }
}

interface Writer {
  readonly segments: number;
  readonly delays: readonly number[];
  /** It is killed at this write; -1 for never. */
  readonly killedAt: number;
}

async function numbers(lab: SourceLab, options = {}): Promise<string[]> {
  const journal = await lab.journal(identity, options);
  return (await journal.files(STREAM, { signal })).map(({ name }) => name);
}

/** @returns the names that were acknowledged */
async function write(lab: SourceLab, writer: Writer, at: number): Promise<string[]> {
  const dead = new AbortController();
  const { config, masterKey, keyId } = lab.repository;
  const backend = new Line(lab.repository, writer.delays, dead, writer.killedAt);
  const repository = new OpenedRepository({ backend, config, masterKey, keyId });
  const folder = lab.newFolder();
  const acknowledged: string[] = [];
  for (let n = 0; n < writer.segments && !dead.signal.aborted; n++) {
    const number = at * 100 + n;
    const file = await walFormat.examine(makeSegment(folder, { number }), { signal });
    try {
      await lab.push(identity, { format: walFormat, files: [file], signal: dead.signal }, repository);
      acknowledged.push(madeName({ number }));
    } catch (error) {
      if (!dead.signal.aborted) throw error;
    }
  }
  return acknowledged;
}

const writer = (killed: fc.Arbitrary<number>): fc.Arbitrary<Writer> =>
  fc.record({
    segments: fc.integer({ min: 1, max: 2 }),
    delays: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 3, maxLength: 12 }),
    killedAt: killed,
  });

describe("several writers of one journal", () => {
  test("lose nothing: the newest snapshot alone has all that each of them was told is stored", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(writer(fc.constant(-1)), { minLength: 2, maxLength: 3 }), async (writers) => {
        const lab = await SourceLab.open();
        labs.push(lab);
        const all = (await Promise.all(writers.map((each, at) => write(lab, each, at)))).flat();
        expect(all).toHaveLength(writers.reduce((sum, { segments }) => sum + segments, 0));
        expect(await numbers(lab, { isNewestOnly: true })).toEqual(all.sort());
      }),
      { numRuns: 4 },
    );
  }, 240_000);

  test("that are killed anywhere lose nothing that was acknowledged, and the next push puts all in the newest snapshot", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(writer(fc.integer({ min: -1, max: 9 })), { minLength: 2, maxLength: 3 }),
        async (writers) => {
          const lab = await SourceLab.open();
          labs.push(lab);
          const all = (await Promise.all(writers.map((each, at) => write(lab, each, at)))).flat();
          expect(await numbers(lab)).toEqual(expect.arrayContaining(all));
          await write(lab, { segments: 1, delays: [0], killedAt: -1 }, 50);
          expect(await numbers(lab, { isNewestOnly: true })).toEqual(expect.arrayContaining(all));
        },
      ),
      { numRuns: 6 },
    );
  }, 240_000);
});
