/** Which parts of a pack are read to get at some of its blobs: neighbours together, and never more than a fixed size at once. */
import type { BlobIndex } from "../index/blob-index.ts";

/** What is read at once. Packs of usual size are two or three reads, so that memory does not depend on the size of packs. */
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
/** From this share on, all between the first and the last wanted blob is read: one read costs less than many. */
const WHOLE_FROM_SHARE = 0.6;
/** What is read in vain rather than asking twice. */
const MAX_GAP_BYTES = 512 * 1024;

/** One read, and the blobs that it brings. */
export interface Segment {
  readonly pack: number;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Entries of the blob index, in the order of their offsets. */
  readonly entries: Uint32Array;
}

interface Place {
  readonly entry: number;
  readonly offset: number;
  readonly end: number;
}

/**
 * The reads for these entries, which must lie in this pack. Only a single blob can make one that is larger than 8 MiB.
 * @throws RangeError for an entry that lies elsewhere or is only claimed
 */
export function* segmentsOf(index: BlobIndex, pack: number, entries: Uint32Array): Generator<Segment> {
  const places = placesIn(index, pack, entries).sort((a, b) => a.offset - b.offset);
  const maxGapBytes = wantedShare(places) >= WHOLE_FROM_SHARE ? Number.POSITIVE_INFINITY : MAX_GAP_BYTES;
  let together: Place[] = [];
  let end = 0;
  for (const place of places) {
    const start = together[0]?.offset ?? place.offset;
    const isNear = place.offset - end <= maxGapBytes && Math.max(end, place.end) - start <= MAX_SEGMENT_BYTES;
    if (together.length > 0 && !isNear) {
      yield segmentOf(pack, together);
      together = [];
      end = 0;
    }
    together.push(place);
    end = Math.max(end, place.end);
  }
  if (together.length > 0) yield segmentOf(pack, together);
}

/** A segment of several entries in two, to find the part of it that cannot be read. */
export function halvesOf(index: BlobIndex, { pack, entries }: Segment): [Segment, Segment] {
  const middle = entries.length >>> 1;
  const part = (some: Uint32Array): Segment => segmentOf(pack, placesIn(index, pack, some));
  return [part(entries.subarray(0, middle)), part(entries.subarray(middle))];
}

function placesIn(index: BlobIndex, pack: number, entries: Uint32Array): Place[] {
  return Array.from(entries, (entry) => {
    const place = index.locationAt(entry);
    if (place?.pack !== pack) throw new RangeError(`entry ${entry} is not stored in pack ${pack}`);
    return { entry, offset: place.offset, end: place.offset + place.lengthBytes };
  });
}

function wantedShare(places: readonly Place[]): number {
  const wanted = places.reduce((sum, { offset, end }) => sum + end - offset, 0);
  return wanted / Math.max(1, endOf(places) - (places[0]?.offset ?? 0));
}

function segmentOf(pack: number, places: readonly Place[]): Segment {
  const offset = places[0]?.offset ?? 0;
  const entries = Uint32Array.from(places, ({ entry }) => entry);
  return { pack, offset, lengthBytes: endOf(places) - offset, entries };
}

function endOf(places: readonly Place[]): number {
  return places.reduce((end, place) => Math.max(end, place.end), 0);
}
