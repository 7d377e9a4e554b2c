/** Bodies of answers: files, in pieces that fit in memory, and lists. Both wait for the client, but not for ever. */
import type { ServerResponse } from "node:http";
import { type Backend, type FileInfo, type FileKey, loadInto } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { BLOCK_BYTES, giveBlock, takeBlock } from "./blocks.ts";
import { withinTime } from "./idle-time.ts";

const LIST_BUFFER = 32 * 1024;

export interface SendOptions {
  readonly idleMs: number;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

/**
 * Writes bytes `from` (included) to `to` (excluded) of a file, a block at a time: no call to a backend lasts as long as a client is
 * slow. While one is on its way to the client, the next is read.
 * @throws SERVER_STALLED, SERVER_CUT, and what the backend throws
 */
export async function sendFile(
  response: ServerResponse,
  backend: Backend,
  key: FileKey,
  { from, to }: { from: number; to: number },
  options: SendOptions,
): Promise<void> {
  const { signal } = options;
  const read = async (offset: number): Promise<Buffer> => {
    const block = takeBlock(Math.min(BLOCK_BYTES, to - offset));
    await loadInto(backend, key, offset, block, { signal });
    return block;
  };
  let reading = from < to ? read(from) : undefined;
  for (let offset = from; reading !== undefined;) {
    const block = await reading;
    offset += block.length;
    reading = offset < to ? read(offset) : undefined;
    // It is waited for in the next round, if there is one.
    reading?.catch(() => {});
    await send(response, block, options);
    giveBlock(block);
  }
}

/** Writes few bytes that nobody else needs, and ends the answer: together they go by one call. */
export function sendWhole(response: ServerResponse, bytes: Uint8Array, { signal, onBytes }: SendOptions): void {
  signal.throwIfAborted();
  onBytes(bytes.length);
  response.end(bytes);
}

/** Writes bytes that are in memory. @throws SERVER_STALLED */
export async function sendPieces(response: ServerResponse, bytes: Uint8Array, options: SendOptions): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
    await send(response, bytes.subarray(offset, offset + BLOCK_BYTES), options);
  }
}

/** In version 1 names, in version 2 also sizes, and when each came. */
export async function sendList(
  response: ServerResponse,
  files: AsyncIterable<readonly FileInfo[]>,
  version: 1 | 2,
  options: SendOptions,
): Promise<void> {
  const written = version === 1 ? namesOf : entriesOf;
  let text = "[";
  let isFirst = true;
  for await (const some of files) {
    if (some.length === 0) continue;
    text += isFirst ? written(some) : `,${written(some)}`;
    isFirst = false;
    if (text.length < LIST_BUFFER) continue;
    await send(response, Buffer.from(text), options);
    text = "";
  }
  await send(response, Buffer.from(`${text}]`), options);
}

/** As JSON, without the brackets. */
function namesOf(files: readonly FileInfo[]): string {
  return JSON.stringify(files.map(({ name }) => name)).slice(1, -1);
}

function entriesOf(files: readonly FileInfo[]): string {
  const entries = files.map(({ name, sizeBytes, receivedAtMs }) => ({ name, size: sizeBytes, received: receivedAtMs }));
  return JSON.stringify(entries).slice(1, -1);
}

/** Resolves when the bytes are with the system, so that their memory may be used again; of small ones that is not waited for. */
async function send(response: ServerResponse, bytes: Uint8Array, options: SendOptions): Promise<void> {
  const { idleMs, signal, onBytes } = options;
  signal.throwIfAborted();
  onBytes(bytes.length);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const hasRoom = response.write(bytes, (error) => {
    if (error === undefined || error === null) resolve();
    else reject(serverError("SERVER_CUT", {}, error));
  });
  promise.catch(() => {});
  if (hasRoom && bytes.length < BLOCK_BYTES) return;
  await withinTime(promise, idleMs, signal);
}

/** Part of a file as a range header names it by both ends; `undefined` for what depends on the size, and for no part. */
export function rangeOf(header: string | undefined): { readonly offset: number; readonly length: number } | undefined {
  const [, first = "", last = ""] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header ?? "") ?? [];
  const [from, to] = [Number(first), Number(last) + 1];
  return last === "" || from >= to ? undefined : { offset: from, length: to - from };
}

/** What a range header asks for. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly isPart: boolean;
}

/** Understands one range; several, or another unit, mean the whole file, as HTTP allows. @throws SERVER_RANGE */
export function spanOf(header: string | undefined, size: number): Span {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) {
    return { from: 0, to: size, isPart: false };
  }
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (from >= to) throw serverError("SERVER_RANGE", { size });
  return { from, to, isPart: true };
}
