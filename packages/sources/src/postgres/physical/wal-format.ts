/** PostgreSQL's WAL as a journal. */
import { open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import type {
  JournalFile,
  JournalFormat,
  JournalNeed,
  JournalReach,
  JournalReader,
  StoredJournalFile,
} from "../../contract/journal.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { POSITION } from "./physical-facts.ts";
import { usedBytesOf } from "./used-bytes.ts";
import { WAL_HEADER_BYTES, parseWalHeader, readWalHeader, type WalHeader } from "./wal-header.ts";
import { logOf, placeOf, segmentNumber, timelineOf, walFileType } from "./wal-names.ts";
import { type TimelineSwitch, describeWalEnd, parseHistory, walReach } from "./wal-reach.ts";

/** As the server names a segment that is not finished. */
const PARTIAL = ".partial";
const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;

export const walFormat: JournalFormat = {
  fileTitle: "WAL segment",
  examine,
  folderOf: (name) => (walFileType(name) === "history" ? "history" : logOf(name)),
  neededFrom({ position }) {
    const { [POSITION.stream]: stream, [POSITION.journalFrom]: from } = position;
    if (stream === undefined || from === undefined) return undefined;
    if (!/^\d{1,20}$/.test(stream) || walFileType(from) !== "segment") {
      throw sourcesError("SOURCES_DAMAGED", { what: "capture.json", reason: "its position in the WAL makes no sense" });
    }
    return { stream, from };
  },
  isNeeded: (name, from) =>
    walFileType(name) === "history" || (timelineOf(name) >= timelineOf(from) && placeOf(name) >= placeOf(from)),
  reach: async (journal, need, options) => (await walReachOf(journal, need, options)).reach,
  restored: filledUp,
  streamIn: (folder) => clusterIdentifier(folder),
};

async function examine(path: string, { signal }: CallOptions): Promise<JournalFile> {
  signal.throwIfAborted();
  const given = basename(path);
  const isPartial = given.endsWith(PARTIAL);
  const name = isPartial ? given.slice(0, -PARTIAL.length) : given;
  const type = walFileType(name);
  if (type === undefined || (isPartial && type !== "segment")) {
    throw notJournal(path, "PostgreSQL names no file of its WAL so");
  }
  try {
    const found = await stat(path, { bigint: true });
    if (!found.isFile()) throw notJournal(path, "it is no file");
    const changedAtNs = found.mtimeNs;
    if (type !== "segment") {
      const stream = await streamBeside(path);
      return { path, stream, name, isPartial, usedBytes: Number(found.size), changedAtNs };
    }
    const header = await readWalHeader(path);
    if (header === undefined) throw notJournal(path, "it does not begin as a WAL segment does");
    requirePlace(path, name, header);
    if (!isPartial && Number(found.size) !== header.segmentBytes) {
      throw notJournal(path, `it has ${found.size} bytes where a segment of its server has ${header.segmentBytes}`);
    }
    const usedBytes = isPartial ? await usedBytesOf(path) : Number(found.size);
    return { path, stream: header.systemIdentifier, name, isPartial, usedBytes, changedAtNs };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw notJournal(path, messageOf(error), error);
  }
}

/** Segments that are made ahead still have the content of older ones. */
function requirePlace(path: string, name: string, { beginsAt, segmentBytes }: WalHeader): void {
  if (segmentNumber(name, segmentBytes) * BigInt(segmentBytes) === beginsAt) return;
  throw notJournal(path, "its content belongs to another place in the WAL than its name says");
}

/** A file without a header of its own belongs to the server of the segments beside it. */
async function streamBeside(path: string): Promise<string> {
  const folder = dirname(path);
  const segments = (await readdir(folder)).filter((name) => walFileType(name.replace(PARTIAL, "")) === "segment");
  for (const name of segments.sort().reverse()) {
    const header = await readWalHeader(join(folder, name)).catch(() => undefined);
    if (header !== undefined) return header.systemIdentifier;
  }
  const found = await clusterIdentifier(dirname(folder));
  if (found === undefined) throw notJournal(path, "nothing beside it says to which server it belongs");
  return found;
}

/** The system identifier of the cluster with this data folder; `undefined` when it cannot be read there. */
export async function clusterIdentifier(folder: string): Promise<string | undefined> {
  try {
    const file = await open(join(folder, "global/pg_control"), "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
      return bytesRead === 8 ? buffer.readBigUInt64LE().toString() : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** How far the WAL leads, in PostgreSQL's own terms. */
export interface FoundWalReach {
  readonly reach: JournalReach;
  readonly end: { readonly timeline: number; readonly lsn: bigint } | undefined;
  readonly segmentBytes: number;
}

/** @throws what reading the journal throws */
export async function walReachOf(
  journal: JournalReader,
  need: JournalNeed,
  options: CallOptions,
): Promise<FoundWalReach> {
  const files = await journal.files(need.stream, options);
  const segments = files.filter(({ name }) => walFileType(name) === "segment");
  const histories = new Map<number, readonly TimelineSwitch[]>();
  for (const { name } of files.filter((file) => walFileType(file.name) === "history")) {
    const pieces: Uint8Array[] = [];
    for await (const piece of journal.read(need.stream, name, options)) pieces.push(piece);
    histories.set(timelineOf(name), parseHistory(Buffer.concat(pieces).toString("utf8")));
  }
  const segmentBytes = await segmentBytesOf(journal, need.stream, segments, options);
  const { last, end, gaps } = walReach({ segments, histories, segmentBytes }, need.from);
  const position = end === undefined ? undefined : describeWalEnd(end);
  return { reach: { last, position, gaps }, end, segmentBytes };
}

/** What a finished one has; one that is being written says it in its header. */
async function segmentBytesOf(
  journal: JournalReader,
  stream: string,
  segments: readonly StoredJournalFile[],
  options: CallOptions,
): Promise<number> {
  const finished = segments.find(({ isPartial }) => !isPartial);
  if (finished !== undefined) return finished.sizeBytes;
  const [first] = segments;
  if (first === undefined) return DEFAULT_SEGMENT_BYTES;
  for await (const piece of journal.read(stream, first.name, options)) {
    return parseWalHeader(piece)?.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
  }
  return DEFAULT_SEGMENT_BYTES;
}

/** The server takes a segment only in its full size. */
async function* filledUp(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let begin: Uint8Array = new Uint8Array(0);
  let total = 0;
  for await (const piece of content) {
    if (begin.length < WAL_HEADER_BYTES) begin = Buffer.concat([begin, piece.subarray(0, WAL_HEADER_BYTES)]);
    total += piece.length;
    yield piece;
  }
  const segmentBytes = parseWalHeader(begin)?.segmentBytes ?? 0;
  const zeros = new Uint8Array(1024 * 1024);
  for (; total < segmentBytes; total += zeros.length) yield zeros.subarray(0, segmentBytes - total);
}

function notJournal(path: string, reason: string, cause?: unknown): Error {
  return sourcesError("SOURCES_NOT_JOURNAL", { path, reason }, cause);
}
