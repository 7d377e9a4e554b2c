/** Hands over the bytes of an answer, and exactly as many as there have to be. */
import type { ByteRange, FileKey, LoadOptions } from "../backend.ts";
import { oneChunk } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import type { HttpAnswer } from "./http-answer.ts";

/** A pack is 16 MiB as a rule, and so comes in one piece that the consumer may keep. */
const WHOLE_BYTES = 32 * 1024 * 1024;

/** What was asked for, and how to speak of it. */
export interface FileWanted {
  readonly location: string;
  readonly key: FileKey;
  /** Not empty. */
  readonly range: ByteRange | undefined;
}

interface BodyWanted extends Pick<FileWanted, "location" | "key"> {
  /** How many bytes must come. */
  readonly length: number;
}

type Consume<T> = (chunks: AsyncIterable<Uint8Array>) => Promise<T>;

/** Whether `loadBody` is for an answer to GET: the bytes, or the word that the file ends before the range. */
export function isForLoading({ status }: HttpAnswer): boolean {
  return status === 200 || status === 206 || status === 416;
}

/**
 * Hands over the range that was asked for, or a file of whatever length the server says. An answer that does not say it is read
 * to its end.
 * @throws STORAGE_RANGE when the file ends before the range, STORAGE_FAILED when the server has no ranges, STORAGE_UNAVAILABLE
 * when other than the bytes that were promised come, and what `consume` throws
 */
export async function loadBody<T>(
  answer: HttpAnswer,
  { location, key, range }: FileWanted,
  consume: Consume<T>,
  options: LoadOptions,
): Promise<T> {
  if (range !== undefined) return loadRange(answer, { location, key, range }, consume, options);
  const length = answer.contentLength;
  if (length === undefined) return consume(answer.chunks());
  return loadExactly(answer, { location, key, length }, consume, options);
}

async function loadRange<T>(
  answer: HttpAnswer,
  { location, key, range }: FileWanted & { range: ByteRange },
  consume: Consume<T>,
  options: LoadOptions,
): Promise<T> {
  const { offset, length } = range;
  const tooShort = (): Error => storageError("STORAGE_RANGE", { location, ...key, end: offset + length });
  if (answer.status === 416) throw tooShort();
  const total = answer.contentLength;
  const isAll = answer.status === 200 && offset === 0;
  if (isAll && total !== undefined && total < length) throw tooShort();
  if (!(isAll && total === length)) {
    const got = answer.status === 206 ? parseContentRange(answer.header("content-range")) : undefined;
    // Some servers say it of a range of no byte, and some say it so.
    if (got !== undefined && (got.last < got.first || got.last < offset + length - 1)) throw tooShort();
    if (got === undefined || got.first !== offset || got.last !== offset + length - 1) {
      throw storageError("STORAGE_FAILED", {
        location,
        reason: "the server does not give parts of files as it was asked",
      });
    }
  }
  return loadExactly(answer, { location, key, length }, consume, options);
}

/** Up to 32 MiB are read to their end before `consume` gets them; more is handed on as it comes. */
async function loadExactly<T>(
  answer: HttpAnswer,
  wanted: BodyWanted,
  consume: Consume<T>,
  { signal, into }: LoadOptions,
): Promise<T> {
  if (answer.contentLength !== undefined && answer.contentLength !== wanted.length) throw wrongLength(wanted);
  if (wanted.length > WHOLE_BYTES) return consume(exactly(answer, wanted));
  const bytes: Uint8Array = into?.length === wanted.length ? into : Buffer.allocUnsafeSlow(wanted.length);
  let done = 0;
  for await (const chunk of exactly(answer, wanted)) {
    bytes.set(chunk, done);
    done += chunk.length;
  }
  answer.release();
  return consume(oneChunk(bytes, signal));
}

async function* exactly(answer: HttpAnswer, wanted: BodyWanted): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of answer.chunks()) {
    total += chunk.length;
    if (total > wanted.length) throw wrongLength(wanted);
    yield chunk;
  }
  if (total !== wanted.length) throw wrongLength(wanted);
}

function wrongLength({ location, key, length }: BodyWanted): Error {
  const reason = `of the ${key.type} file ${key.name} other than the ${length} bytes came that were asked for`;
  return storageError("STORAGE_UNAVAILABLE", { location, reason });
}

/** The header for a range that is not empty. */
export function rangeHeader({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

/** The first and the last byte of `Content-Range: bytes 0-9/100`. */
function parseContentRange(text: string | undefined): { first: number; last: number } | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(?:\d{1,15}|\*)$/.exec(text ?? "");
  return match === null ? undefined : { first: Number(match[1]), last: Number(match[2]) };
}
