/** Lists the versions of objects, and tells which of them was there at a time. */
import {
  type DeleteMarkerEntry,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type ObjectVersion,
} from "@aws-sdk/client-s3";
import type { CallOptions } from "../backend.ts";
import { decodeKey } from "./list-objects.ts";
import type { S3Connection } from "./s3-connection.ts";

/** The version of an object that was there at the time asked for. */
export interface VersionThen {
  readonly key: string;
  readonly versionId: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** One entry of a list of versions; without a size it is a mark that the object was deleted. */
interface Entry {
  readonly key: string;
  readonly versionId: string;
  readonly modifiedMs: number;
  readonly sizeBytes: number | undefined;
}

/**
 * Every object below `prefix` that was there at `atMs`, in the version that it had then. Of a version and a deletion of the
 * same moment the version counts: better a file too many than one too few.
 */
export async function* versionsAt(
  connection: S3Connection,
  prefix: string,
  atMs: number,
  { signal }: CallOptions,
): AsyncGenerator<VersionThen> {
  // Names come in order, so that all entries of one name follow each other, if on two pages.
  let chosen: Entry | undefined;
  for await (const entry of entriesBelow(connection, prefix, { signal })) {
    if (entry.modifiedMs > atMs) continue;
    if (chosen !== undefined && chosen.key !== entry.key) {
      yield* ifVersion(chosen);
      chosen = undefined;
    }
    if (chosen === undefined || isNewer(entry, chosen)) chosen = entry;
  }
  if (chosen !== undefined) yield* ifVersion(chosen);
  signal.throwIfAborted();
}

/** The server lists the newest first, so that of two versions of the same moment the first one counts. */
function isNewer(entry: Entry, chosen: Entry): boolean {
  if (entry.modifiedMs !== chosen.modifiedMs) return entry.modifiedMs > chosen.modifiedMs;
  return chosen.sizeBytes === undefined && entry.sizeBytes !== undefined;
}

function* ifVersion({ key, versionId, modifiedMs, sizeBytes }: Entry): Generator<VersionThen> {
  if (sizeBytes !== undefined) yield { key, versionId, modifiedMs, sizeBytes };
}

/** Where a page of the list begins. */
interface Marker {
  readonly KeyMarker?: string;
  readonly VersionIdMarker?: string;
}

async function* entriesBelow(connection: S3Connection, prefix: string, { signal }: CallOptions): AsyncGenerator<Entry> {
  let marker: Marker | undefined = {};
  while (marker !== undefined) {
    const output = await loadPage(connection, prefix, marker, { signal });
    const entries = [...(output.Versions ?? []), ...(output.DeleteMarkers ?? [])].flatMap(entryOf);
    // The SDK gives versions and deletions apart; sorting is stable and keeps the order of versions.
    entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    yield* entries;
    signal.throwIfAborted();
    marker = markerAfter(output);
  }
}

async function loadPage(
  connection: S3Connection,
  prefix: string,
  marker: Marker,
  { signal }: CallOptions,
): Promise<ListObjectVersionsCommandOutput> {
  const input = { Bucket: connection.bucket, Prefix: prefix, EncodingType: "url" as const, ...marker };
  const { output } = await connection.call({ signal, path: "the list of its versions" }, (client, exchange) =>
    client.send(new ListObjectVersionsCommand(input), exchange),
  );
  return output;
}

function markerAfter({
  IsTruncated,
  NextKeyMarker,
  NextVersionIdMarker,
}: ListObjectVersionsCommandOutput): Marker | undefined {
  const KeyMarker = decodeKey(NextKeyMarker);
  if (IsTruncated !== true || KeyMarker === undefined) return undefined;
  return { KeyMarker, ...(NextVersionIdMarker === undefined ? {} : { VersionIdMarker: NextVersionIdMarker }) };
}

function entryOf(listed: ObjectVersion | DeleteMarkerEntry): Entry[] {
  const key = decodeKey(listed.Key);
  const modifiedMs = listed.LastModified?.getTime();
  if (key === undefined || modifiedMs === undefined || listed.VersionId === undefined) return [];
  const sizeBytes = "Size" in listed ? listed.Size : undefined;
  return [{ key, versionId: listed.VersionId, modifiedMs, sizeBytes }];
}
