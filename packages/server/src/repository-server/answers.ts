/** Bodies of answers: files, in pieces that fit in memory, and lists. Both wait for the client, but not for ever. */
import type { ServerResponse } from "node:http";
import { type Backend, type FileInfo, type FileKey, loadBytes } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { withinTime } from "./idle-time.ts";

/** A call to a backend gives so much at once: none of them lasts as long as a client is slow. */
const PIECE_BYTES = 1024 * 1024;
const LIST_BUFFER = 32 * 1024;

export interface SendOptions {
  readonly idleMs: number;
  readonly signal: AbortSignal;
  readonly onBytes: (count: number) => void;
}

/** Writes bytes `from` (included) to `to` (excluded) of a file. @throws SERVER_STALLED, and what the backend throws */
export async function sendFile(
  response: ServerResponse,
  backend: Backend,
  key: FileKey,
  { from, to }: { from: number; to: number },
  options: SendOptions,
): Promise<void> {
  for (let offset = from; offset < to; offset += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, to - offset);
    const bytes = await loadBytes(backend, key, { offset, length }, { signal: options.signal });
    await send(response, bytes, options);
  }
}

/** Writes bytes that are in memory. @throws SERVER_STALLED */
export async function sendPieces(response: ServerResponse, bytes: Uint8Array, options: SendOptions): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    await send(response, bytes.subarray(offset, offset + PIECE_BYTES), options);
  }
}

/** In version 1 names, in version 2 also sizes, and when each came. */
export async function sendList(
  response: ServerResponse,
  files: AsyncIterable<FileInfo>,
  version: 1 | 2,
  options: SendOptions,
): Promise<void> {
  let text = "[";
  let isFirst = true;
  for await (const file of files) {
    text += `${isFirst ? "" : ","}${JSON.stringify(version === 1 ? file.name : entryOf(file))}`;
    isFirst = false;
    if (text.length < LIST_BUFFER) continue;
    await send(response, Buffer.from(text), options);
    text = "";
  }
  await send(response, Buffer.from(`${text}]`), options);
}

function entryOf({ name, sizeBytes, receivedAtMs }: FileInfo): Readonly<Record<string, string | number | undefined>> {
  return { name, size: sizeBytes, received: receivedAtMs };
}

async function send(response: ServerResponse, bytes: Uint8Array, options: SendOptions): Promise<void> {
  const { idleMs, signal, onBytes } = options;
  signal.throwIfAborted();
  onBytes(bytes.length);
  if (response.write(bytes)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once("drain", resolve);
  try {
    await withinTime(promise, idleMs, signal);
  } finally {
    response.removeListener("drain", resolve);
  }
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
