import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { idOf } from "./id.ts";
import {
  COMPRESSED_ENTRY_BYTES,
  decodePackHeader,
  encodePackHeader,
  encodePackHeaderEntries,
  MAX_HEADER_BYTES,
  packHeaderBytes,
  PLAIN_ENTRY_BYTES,
  sealedHeaderBytes,
  type PackEntry,
} from "./pack-header.ts";

const MALFORMED = expect.objectContaining({ code: "ENGINE_MALFORMED" });
const ID = idOf(new Uint8Array(0));
const entries = fc
  .array(
    fc.record({
      type: fc.constantFrom("data" as const, "tree" as const),
      id: fc.uint8Array({ maxLength: 4 }).map(idOf),
      lengthBytes: fc.integer({ min: 32, max: 0xffff_ffff }),
      plainBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0xffff_ffff })),
    }),
    { maxLength: 20 },
  )
  .map((list) => {
    let offset = 0;
    return list.map((entry): PackEntry => {
      offset += entry.lengthBytes;
      return { ...entry, offset: offset - entry.lengthBytes };
    });
  });

describe("pack headers", () => {
  test("an entry has the layout of the format", () => {
    const plain = encodePackHeader([
      { type: "data", id: ID, offset: 0, lengthBytes: 0x01020304, plainBytes: 0 },
      { type: "tree", id: ID, offset: 0x01020304, lengthBytes: 33, plainBytes: 0x0a0b0c0d },
    ]);
    expect(Buffer.from(plain).toString("hex")).toBe(`0004030201${ID}03210000000d0c0b0a${ID}`);
  });

  test("any list of blobs round-trips, with its offsets", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const plain = encodePackHeader(list);
        expect(decodePackHeader(plain)).toEqual(list);
        const compressed = list.filter(({ plainBytes }) => plainBytes > 0).length;
        expect(packHeaderBytes(list.length - compressed, compressed)).toBe(plain.length + 36);
      }),
    );
  });

  test("rows of fixed length give the same header", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const rows = list.map((entry) => {
          const row = new Uint8Array(COMPRESSED_ENTRY_BYTES);
          const one = encodePackHeader([entry]);
          row.set(one.subarray(0, entry.plainBytes > 0 ? 9 : 5));
          row.set(one.subarray(-32), 9);
          return row;
        });
        expect(Buffer.from(encodePackHeaderEntries(Buffer.concat(rows)))).toEqual(Buffer.from(encodePackHeader(list)));
      }),
    );
  });

  test("a header that ends inside an entry is malformed", () => {
    const plain = encodePackHeader([
      { type: "data", id: ID, offset: 0, lengthBytes: 40, plainBytes: 0 },
      { type: "data", id: ID, offset: 40, lengthBytes: 40, plainBytes: 9 },
    ]);
    for (let length = 1; length < plain.length; length++) {
      if (length === PLAIN_ENTRY_BYTES) continue;
      expect(() => decodePackHeader(plain.subarray(0, length))).toThrow(MALFORMED);
    }
  });

  test("an unknown type and a blob too short to be sealed are malformed", () => {
    const plain = encodePackHeader([{ type: "data", id: ID, offset: 0, lengthBytes: 32, plainBytes: 0 }]);
    expect(decodePackHeader(plain)).toHaveLength(1);
    expect(() => decodePackHeader(plain.with(0, 4))).toThrow(MALFORMED);
    expect(() => decodePackHeader(plain.with(1, 31))).toThrow(MALFORMED);
  });

  test.for([
    [69, 1000, true],
    [996, 1000, true],
    [MAX_HEADER_BYTES, MAX_HEADER_BYTES + 4, true],
    [0, 1000, false],
    [68, 1000, false],
    [997, 1000, false],
    [MAX_HEADER_BYTES + 1, 2 ** 31, false],
    [0xffff_ffff, 2 ** 40, false],
  ] as const)("a header of %s bytes in a pack of %s is accepted: %s", ([length, packBytes, accepted]) => {
    const tail = new Uint8Array(10);
    new DataView(tail.buffer).setUint32(6, length, true);
    if (accepted) expect(sealedHeaderBytes(tail, packBytes)).toBe(length);
    else expect(() => sealedHeaderBytes(tail, packBytes)).toThrow(MALFORMED);
  });

  test("a file too short for a length is malformed", () => {
    expect(() => sealedHeaderBytes(new Uint8Array(3), 3)).toThrow(MALFORMED);
  });
});
