/**
 * Zip archives as a stream (PKWARE APPNOTE 6.3.10; Info-ZIP for the extra fields of Unix), with ZIP64 where needed.
 *
 * Written here and not by a library: yazl and archiver hold names as text and turn a `\` in a name into a folder, and so would
 * change what is in a backup.
 */
import { isUtf8 } from "node:buffer";
import { pipeline, Readable } from "node:stream";
import { crc32, createDeflateRaw, deflateRawSync } from "node:zlib";
import { engineError } from "../errors.ts";
import { displayPath, encodePath } from "../filesystem/path-bytes.ts";
import type { NodeType, TreeNode } from "../format/node.ts";

const TYPE_BITS: Readonly<Partial<Record<NodeType, number>>> = { file: 0o100000, dir: 0o040000, symlink: 0o120000 };
const MAX_UINT16 = 0xffff;
const MAX_UINT32 = 0xffff_ffff;
/** Up to this size content is compressed at once, and the header in front of it then tells all sizes. */
const WHOLE_BYTES = 1024 * 1024;
/** From this size on an entry takes the ZIP64 form: deflate can make it a little larger still. */
const ZIP64_FROM_BYTES = 0xf000_0000;
const STORED = 0;
const DEFLATED = 8;
const SIZES_FOLLOW = 1 << 3;
const UTF8_NAME = 1 << 11;
const VERSION_ZIP64 = 45;
const MADE_ON_UNIX = 3 << 8;
const DOS_FOLDER = 0x10;

/** True for what zip can hold: files, folders and symbolic links. */
export function isZipType(type: NodeType): boolean {
  return TYPE_BITS[type] !== undefined;
}

interface Entry {
  readonly name: Uint8Array;
  readonly node: TreeNode;
  readonly offset: number;
  readonly flags: number;
  readonly isZip64: boolean;
  method: number;
  crc: number;
  storedBytes: number;
  sizeBytes: number;
}

/** Makes one archive: `add` for each entry, then `finish`. Keeps about 150 bytes an entry, for the list at the end. */
export class ZipArchive {
  readonly #directory: Uint8Array[] = [];
  #offset = 0;

  /**
   * The bytes of one entry; all of them must be taken before the next is added.
   * @param path inside the archive, surrogate-escaped, without a slash at the beginning
   * @param content exactly `sizeBytes` of a file; not used for other types
   * @throws ENGINE_NAME_TOO_LONG, and what `content` throws
   */
  async *add(
    path: string,
    node: TreeNode,
    sizeBytes: number,
    content: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const name = encodePath(node.type === "dir" ? `${path}/` : path);
    if (name.length > MAX_UINT16) throw engineError("ENGINE_NAME_TOO_LONG", { path: displayPath(path), format: "zip" });
    const isStreamed = node.type === "file" && sizeBytes > WHOLE_BYTES;
    const entry: Entry = {
      name,
      node,
      offset: this.#offset,
      flags: (isUtf8(name) ? UTF8_NAME : 0) | (isStreamed ? SIZES_FOLLOW : 0),
      isZip64: sizeBytes >= ZIP64_FROM_BYTES,
      method: isStreamed ? DEFLATED : STORED,
      crc: 0,
      storedBytes: 0,
      sizeBytes: 0,
    };
    for await (const piece of isStreamed ? streamed(entry, content) : whole(entry, content)) {
      this.#offset += piece.length;
      yield piece;
    }
    this.#directory.push(directoryRecord(entry));
  }

  /** The list of entries and the end of the archive. */
  *finish(): Generator<Uint8Array> {
    const start = this.#offset;
    let size = 0;
    for (const entry of this.#directory) {
      size += entry.length;
      yield entry;
    }
    yield endRecords(this.#directory.length, start, size);
  }
}

async function* whole(entry: Entry, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const plain = await wholeContent(entry.node, content);
  const deflated = entry.node.type === "file" && plain.length > 0 ? deflateRawSync(plain) : plain;
  const isSmaller = deflated.length < plain.length;
  entry.method = isSmaller ? DEFLATED : STORED;
  entry.crc = crc32(plain);
  entry.sizeBytes = plain.length;
  entry.storedBytes = isSmaller ? deflated.length : plain.length;
  yield localHeader(entry);
  yield isSmaller ? deflated : plain;
}

async function wholeContent(node: TreeNode, content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (node.type === "symlink") return encodePath(node.linkTarget);
  const parts: Uint8Array[] = [];
  if (node.type === "file") for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

async function* streamed(entry: Entry, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield localHeader(entry);
  const measured = async function* (): AsyncGenerator<Uint8Array> {
    for await (const part of content) {
      entry.crc = crc32(part, entry.crc);
      entry.sizeBytes += part.length;
      yield part;
    }
  };
  // A failure of the content destroys the compressor with it, and so comes out of the loop below.
  const deflate = pipeline(Readable.from(measured()), createDeflateRaw(), () => {});
  for await (const piece of deflate as AsyncIterable<Uint8Array>) {
    entry.storedBytes += piece.length;
    yield piece;
  }
  yield dataDescriptor(entry);
}

function localHeader(entry: Entry): Uint8Array {
  const { name, node } = entry;
  const isKnown = (entry.flags & SIZES_FOLLOW) === 0;
  // In the ZIP64 form even sizes that follow later have their place here, which tells how wide they are.
  const extra = Buffer.concat([
    entry.isZip64
      ? extraField(1, [
          [0n, 8],
          [0n, 8],
        ])
      : Buffer.alloc(0),
    unixFields(node),
  ]);
  const hidden = entry.isZip64 ? MAX_UINT32 : 0;
  return record(
    [
      [0x04034b50, 4],
      [entry.isZip64 ? VERSION_ZIP64 : 20, 2],
      [entry.flags, 2],
      [entry.method, 2],
      ...dosTime(node.mtimeNs),
      [isKnown ? entry.crc : 0, 4],
      [isKnown ? entry.storedBytes : hidden, 4],
      [isKnown ? entry.sizeBytes : hidden, 4],
      [name.length, 2],
      [extra.length, 2],
    ],
    name,
    extra,
  );
}

function dataDescriptor(entry: Entry): Uint8Array {
  const width = entry.isZip64 ? 8 : 4;
  return record([
    [0x08074b50, 4],
    [entry.crc, 4],
    [entry.storedBytes, width],
    [entry.sizeBytes, width],
  ]);
}

function directoryRecord(entry: Entry): Uint8Array {
  const { name, node, offset } = entry;
  const wide: Field[] = [];
  const narrow = (value: number): number => {
    if (value < MAX_UINT32 && !entry.isZip64) return value;
    wide.push([value, 8]);
    return MAX_UINT32;
  };
  // In this order: it is that of the ZIP64 field.
  const sizeBytes = narrow(entry.sizeBytes);
  const storedBytes = narrow(entry.storedBytes);
  const at = narrow(offset);
  const extra = Buffer.concat([wide.length > 0 ? extraField(1, wide) : Buffer.alloc(0), unixFields(node)]);
  const mode = (TYPE_BITS[node.type] as number) | node.mode;
  return record(
    [
      [0x02014b50, 4],
      [MADE_ON_UNIX | VERSION_ZIP64, 2],
      [wide.length > 0 ? VERSION_ZIP64 : 20, 2],
      [entry.flags, 2],
      [entry.method, 2],
      ...dosTime(node.mtimeNs),
      [entry.crc, 4],
      [storedBytes, 4],
      [sizeBytes, 4],
      [name.length, 2],
      [extra.length, 2],
      [0, 2],
      [0, 2],
      [0, 2],
      [mode * 0x10000 + (node.type === "dir" ? DOS_FOLDER : 0), 4],
      [at, 4],
    ],
    name,
    extra,
  );
}

function endRecords(count: number, start: number, size: number): Uint8Array {
  const isZip64 = count >= MAX_UINT16 || start >= MAX_UINT32 || size >= MAX_UINT32;
  const zip64: Field[] = [
    [0x06064b50, 4],
    [44, 8],
    [MADE_ON_UNIX | VERSION_ZIP64, 2],
    [VERSION_ZIP64, 2],
    [0, 4],
    [0, 4],
    [count, 8],
    [count, 8],
    [size, 8],
    [start, 8],
    [0x07064b50, 4],
    [0, 4],
    [start + size, 8],
    [1, 4],
  ];
  return record([
    ...(isZip64 ? zip64 : []),
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [Math.min(count, MAX_UINT16), 2],
    [Math.min(count, MAX_UINT16), 2],
    [Math.min(size, MAX_UINT32), 4],
    [Math.min(start, MAX_UINT32), 4],
    [0, 2],
  ]);
}

/** Time of modification in seconds since 1970 where it fits, and the owner's numbers. */
function unixFields(node: TreeNode): Uint8Array {
  const seconds = Number(node.mtimeNs / 1_000_000_000n);
  const fits = seconds >= -0x8000_0000 && seconds <= 0x7fff_ffff;
  const time = fits
    ? extraField(0x5455, [
        [1, 1],
        [seconds >>> 0, 4],
      ])
    : Buffer.alloc(0);
  return Buffer.concat([
    time,
    extraField(0x7875, [
      [1, 1],
      [4, 1],
      [node.uid, 4],
      [4, 1],
      [node.gid, 4],
    ]),
  ]);
}

/** Time and date of MS-DOS, in UTC, from 1980 to 2107. */
function dosTime(ns: bigint): Field[] {
  const first = Date.UTC(1980, 0, 1);
  const last = Date.UTC(2107, 11, 31, 23, 59, 58);
  const date = new Date(Math.min(last, Math.max(first, Number(ns / 1_000_000n))));
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  const day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  return [
    [time, 2],
    [day, 2],
  ];
}

type Field = readonly [value: number | bigint, bytes: number];

function extraField(id: number, fields: readonly Field[]): Uint8Array {
  const body = record(fields);
  return record(
    [
      [id, 2],
      [body.length, 2],
    ],
    body,
  );
}

/** Little-endian numbers, and what follows them. */
function record(fields: readonly Field[], ...more: Uint8Array[]): Uint8Array {
  let bytes = 0;
  for (const [, width] of fields) bytes += width;
  const out = Buffer.alloc(bytes);
  let at = 0;
  for (const [value, width] of fields) {
    if (width === 8) out.writeBigUInt64LE(BigInt(value), at);
    else out.writeUIntLE(Number(value), at, width);
    at += width;
  }
  return more.length === 0 ? out : Buffer.concat([out, ...more]);
}
