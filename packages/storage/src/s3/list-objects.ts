/** Lists objects by pages of 1000. Long lists are asked for in several ranges at once, as each page costs a round trip. */
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { CallOptions } from "../backend.ts";
import type { S3Connection } from "./s3-connection.ts";

/** One object as a list says it. */
export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

interface Page {
  readonly objects: ListedObject[];
  readonly next: string | undefined;
}

interface Range {
  readonly prefix: string;
  /** Only what comes after this. */
  readonly startAfter?: string;
}

const LANES = 8;
const HEX = [..."0123456789abcdef"];

/** All objects below `prefix` whose name goes on with a hex digit, in no order: after the first page, by several calls at once. */
export async function* listHexObjects(
  connection: S3Connection,
  prefix: string,
  { signal }: CallOptions,
): AsyncGenerator<ListedObject> {
  const first = await loadPage(connection, { prefix }, undefined, { signal });
  yield* first.objects;
  signal.throwIfAborted();
  const last = first.objects.at(-1)?.key;
  if (first.next === undefined || last === undefined) return;
  const ranges = HEX.map((digit) => ({ prefix: `${prefix}${digit}`, startAfter: last })).filter(
    (range) => range.prefix >= last.slice(0, range.prefix.length),
  );
  yield* merged(connection, ranges, { signal });
}

async function* merged(
  connection: S3Connection,
  ranges: readonly Range[],
  { signal }: CallOptions,
): AsyncGenerator<ListedObject> {
  const stop = new AbortController();
  const options = { signal: AbortSignal.any([signal, stop.signal]) };
  const waiting = [...ranges];
  const lanes = new Map<Range, Promise<{ range: Range; page: Page }>>();
  const ask = (range: Range, token?: string): void => {
    const asked = loadPage(connection, range, token, options).then((page) => ({ range, page }));
    asked.catch(() => {}); // the race below is where it shows
    lanes.set(range, asked);
  };
  try {
    for (const range of waiting.splice(0, LANES)) ask(range);
    while (lanes.size > 0) {
      const { range, page } = await Promise.race(lanes.values());
      lanes.delete(range);
      const next = page.next === undefined ? waiting.shift() : range;
      if (next !== undefined) ask(next, page.next);
      yield* page.objects;
      signal.throwIfAborted();
    }
  } finally {
    stop.abort();
    await Promise.allSettled(lanes.values());
    signal.throwIfAborted();
  }
}

async function loadPage(
  connection: S3Connection,
  { prefix, startAfter }: Range,
  token: string | undefined,
  { signal }: CallOptions,
): Promise<Page> {
  const input = {
    Bucket: connection.bucket,
    Prefix: prefix,
    // Names may hold what XML cannot.
    EncodingType: "url" as const,
    ...(token === undefined ? {} : { ContinuationToken: token }),
    ...(startAfter === undefined || token !== undefined ? {} : { StartAfter: startAfter }),
  };
  const { output } = await connection.call({ signal, path: "its list" }, (client, exchange) =>
    client.send(new ListObjectsV2Command(input), exchange),
  );
  const objects: ListedObject[] = [];
  for (const { Key, Size, LastModified } of output.Contents ?? []) {
    const key = decodeKey(Key);
    if (key === undefined || Size === undefined) continue;
    objects.push({ key, sizeBytes: Size, modifiedMs: LastModified?.getTime() ?? 0 });
  }
  return { objects, next: output.IsTruncated === true ? output.NextContinuationToken : undefined };
}

/** A name as it was before the server encoded it for XML; `undefined` for what is no name of ours anyway. */
export function decodeKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (!/[%+]/.test(key)) return key;
  try {
    return decodeURIComponent(key.replaceAll("+", "%20"));
  } catch {
    return undefined;
  }
}
