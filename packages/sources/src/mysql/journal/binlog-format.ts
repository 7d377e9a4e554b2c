/** Binary logs as a journal: which files belong together, and where one is missing. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import type {
  JournalFile,
  JournalFormat,
  JournalGap,
  JournalReader,
  JournalReach,
  StoredJournalFile,
} from "../../contract/journal.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { binlogFolder, binlogName, binlogStream, nextBinlog, parseBinlogName, placeIn } from "./binlog-names.ts";
import { type BinlogEvent, BinlogWalk, EVENT, beginsGroup, gtidListOf, gtidOf, noteNewest } from "./binlog-walk.ts";

/** How far files of this process were gone through, as they only grow. */
const MAX_KNOWN = 256;

interface Known {
  readonly inode: number;
  readonly serverId: number;
  /** The last event was one after which nothing comes. */
  readonly isClosed: boolean;
  readonly end: number;
  /** The newest ids up to there. */
  readonly reached: Map<number, bigint>;
}

class BinlogFormat implements JournalFormat {
  readonly fileTitle = "binary log";
  readonly folderOf = binlogFolder;
  readonly #known = new Map<string, Known>();

  async examine(path: string, { signal }: CallOptions): Promise<JournalFile> {
    const name = parseBinlogName(basename(path));
    if (name === undefined) throw notJournal(path, "binary logs are called as in mariadb-bin.000123");
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    const known = await this.#walk(path, { inode: Number(ino), size: Number(size) }, { signal });
    // A server that was killed closes none; and who was interrupted while he followed it may have gone on with a later one.
    const isFinished =
      known.isClosed || (await isFollowed(join(dirname(path), nextBinlog(name)), known.reached, signal));
    return {
      path,
      name: binlogName(name),
      stream: binlogStream(name, known.serverId),
      isPartial: !isFinished,
      usedBytes: known.end,
      changedAtNs: mtimeNs,
    };
  }

  neededFrom = (facts: Parameters<JournalFormat["neededFrom"]>[0]): ReturnType<JournalFormat["neededFrom"]> => {
    const place = placeIn(facts);
    return place === undefined ? undefined : { stream: place.stream, from: place.from };
  };

  isNeeded(name: string, from: string): boolean {
    const [file, first] = [parseBinlogName(name), parseBinlogName(from)];
    return file === undefined || first === undefined || file.base !== first.base || file.number >= first.number;
  }

  async reach(
    journal: JournalReader,
    { stream, from }: { stream: string; from: string },
    options: CallOptions,
  ): Promise<JournalReach> {
    const first = parseBinlogName(from);
    const files = (await journal.files(stream, options)).filter(({ name }) => this.isNeeded(name, from));
    if (first === undefined || files.length === 0) return { last: undefined, position: undefined, gaps: [] };
    const gaps: JournalGap[] = [];
    let last: StoredJournalFile | undefined;
    let expected = first.number;
    for (const [at, file] of files.entries()) {
      const name = parseBinlogName(file.name);
      if (name === undefined) continue;
      if (name.number > expected) gaps.push(gapBetween(first.base, expected, name.number - 1));
      if (gaps.length === 0) last = file;
      expected = name.number + 1;
      const next = files[at + 1];
      if (file.isPartial && next !== undefined && !(await joins(journal, stream, [file.name, next.name], options))) {
        gaps.push({ first: file.name, last: file.name, count: 1 });
      }
    }
    return { last, position: last === undefined ? undefined : `${last.name}:${last.sizeBytes}`, gaps };
  }

  restored(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return content;
  }

  async streamIn(folder: string, options: CallOptions): Promise<string | undefined> {
    const names = (await readdir(folder)).filter((name) => parseBinlogName(name) !== undefined).toSorted();
    for (const name of names.toReversed()) {
      try {
        return (await this.examine(join(folder, name), options)).stream;
      } catch (error) {
        options.signal.throwIfAborted();
        if (systemCode(error) !== undefined) throw error;
      }
    }
    return undefined;
  }

  /** Goes on where it was the last time. */
  async #walk(path: string, { inode, size }: { inode: number; size: number }, { signal }: CallOptions): Promise<Known> {
    const before = this.#known.get(path);
    const goesOn = before !== undefined && before.inode === inode && before.end <= size;
    let known: Known = goesOn ? before : { inode, serverId: -1, isClosed: false, end: 0, reached: new Map() };
    if (size > known.end) {
      const walk = new BinlogWalk(known.end);
      try {
        for await (const chunk of createReadStream(path, {
          start: known.end,
          end: size - 1,
          highWaterMark: 1024 * 1024,
          signal,
        })) {
          for (const event of walk.push(chunk as Uint8Array)) {
            const { type, serverId, end } = event;
            if (type === EVENT.encryption)
              throw new Error("it is encrypted: follow the server instead, which sends it in the clear");
            const isClosed = type === EVENT.rotate || type === EVENT.stop;
            noteReached(known.reached, event);
            known = { ...known, serverId: type === EVENT.format ? serverId : known.serverId, isClosed, end };
          }
        }
      } catch (error) {
        signal.throwIfAborted();
        // It may have been replaced by another since it was looked at.
        this.#known.delete(path);
        if (systemCode(error) !== undefined) throw error;
        throw notJournal(path, messageOf(error));
      }
    }
    if (known.serverId < 0) throw notJournal(path, "it has not yet begun");
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(path, known);
    return known;
  }
}

/** The journal of the kind `mysql`. */
export const binlogFormat: JournalFormat = new BinlogFormat();

function gapBetween(base: string, first: number, last: number): JournalGap {
  return {
    first: binlogName({ base, number: first }),
    last: binlogName({ base, number: last }),
    count: last - first + 1,
  };
}

/**
 * Whether a file that was never closed, as when its server was killed, is whole all the same: the next one says up to which ids
 * there was something before it.
 */
async function joins(
  journal: JournalReader,
  stream: string,
  [name, next]: readonly [string, string],
  options: CallOptions,
): Promise<boolean> {
  const reached = new Map<number, bigint>();
  for await (const event of eventsOf(journal.read(stream, name, options))) noteReached(reached, event);
  return isCovered(journal.read(stream, next, options), reached);
}

function noteReached(reached: Map<number, bigint>, event: BinlogEvent): void {
  for (const { domain, sequence } of gtidListOf(event) ?? []) noteNewest(reached, domain, sequence);
  const gtid = gtidOf(event);
  if (gtid !== undefined) noteNewest(reached, gtid.domain, gtid.sequence);
}

/** Whether all that was before a file is in what was reached; `false` where it does not say. */
async function isCovered(next: AsyncIterable<Uint8Array>, reached: ReadonlyMap<number, bigint>): Promise<boolean> {
  for await (const event of eventsOf(next)) {
    const list = gtidListOf(event);
    if (list !== undefined) return list.every(({ domain, sequence }) => (reached.get(domain) ?? -1n) >= sequence);
    if (beginsGroup(event)) break;
  }
  return false;
}

/** @throws an Error when it is no binary log */
export async function* eventsOf(
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<ReturnType<BinlogWalk["push"]>[number]> {
  const walk = new BinlogWalk();
  for await (const chunk of content) yield* walk.push(chunk);
}

/** Whether the next file is there, goes on from what was reached, and says so. */
async function isFollowed(next: string, reached: ReadonlyMap<number, bigint>, signal: AbortSignal): Promise<boolean> {
  try {
    return await isCovered(createReadStream(next, { signal }) as AsyncIterable<Uint8Array>, reached);
  } catch {
    // What is wrong with it is said when it is looked at itself.
    signal.throwIfAborted();
    return false;
  }
}

function notJournal(path: string, reason: string): Error {
  return sourcesError("SOURCES_NOT_JOURNAL", { path, reason });
}
