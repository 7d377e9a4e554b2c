import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BlobType, type Id, idToBytes } from "../format/id.ts";
import { BlobIndex } from "./blob-index.ts";
import { encodeIndexFile, type IndexedPack, IndexFileBuilder, readIndexFile } from "./index-file.ts";

const PACK = "73d04e6125cf3c28a299cc2f3cca3b78ceac396e4fcf9575e34536b26782413c" as Id;
const OLD_INDEX = "ed54ae36197f4745ebc4b54d10e0f623eaaaedd03013eb7ae90df881b7781452" as Id;
const BLOB_A = "3ec79977ef0cf5de7b08cd12b874cd0f62bbaf7f07f3497a5b1bbcc8cb39b1ce" as Id;
const BLOB_B = "9ccb846e60d90d4eb915848add7aa7ea1e4bbabfc60e573db9f7bfb2789afbae" as Id;

const PACKS: IndexedPack[] = [
  {
    id: PACK,
    blobs: [
      { id: BLOB_A, type: "data", offset: 0, lengthBytes: 38, uncompressedBytes: 0 },
      { id: BLOB_B, type: "tree", offset: 38, lengthBytes: 112, uncompressedBytes: 511 },
    ],
  },
];

// What Go's json.Encoder writes for these packs.
const GO_BYTES =
  `{"packs":[{"id":"${PACK}","blobs":[{"id":"${BLOB_A}","type":"data","offset":0,"length":38},` +
  `{"id":"${BLOB_B}","type":"tree","offset":38,"length":112,"uncompressed_length":511}]}]}\n`;

/** All that an index holds, as packs in order of their numbers. */
function contentOf(index: BlobIndex): IndexedPack[] {
  const packs = Array.from({ length: index.packCount }, (_, n) => ({ id: index.packId(n), blobs: [] as never[] }));
  for (let n = 0; n < index.count; n++) {
    const { pack, ...location } = index.locationAt(n) ?? { pack: -1 };
    packs[pack]?.blobs.push({ id: index.idAt(n), type: index.typeAt(n), ...location } as never);
  }
  return packs;
}

function read(text: string | Uint8Array): { content: IndexedPack[]; packs: number; supersedes: Id[] } {
  const index = BlobIndex.create();
  const result = readIndexFile(typeof text === "string" ? Buffer.from(text) : text, index, { what: "index 1234" });
  return { content: contentOf(index), ...result };
}

describe("writing", () => {
  test("packs and blobs are written as Go writes them", () => {
    expect(Buffer.from(encodeIndexFile(PACKS)).toString()).toBe(GO_BYTES);
    expect(Buffer.from(encodeIndexFile([])).toString()).toBe('{"packs":[]}\n');
  });

  test("a builder gives a file at 50,000 blobs, and the rest when asked", () => {
    const builder = new IndexFileBuilder({ now: () => 0 });
    const blobs = Array.from({ length: 24_999 }, () => ({ ...PACKS[0]!.blobs[0]! }));
    const pack = (id: Id, extra: number): IndexedPack => ({ id, blobs: blobs.concat(blobs.slice(0, extra)) });
    expect(builder.takeRest()).toBeUndefined();
    expect(builder.add(pack(PACK, 0))).toBeUndefined();
    expect(builder.add(pack(BLOB_A, 1))).toBeUndefined();
    const file = builder.add(pack(BLOB_B, 0));
    const expected = encodeIndexFile([pack(PACK, 0), pack(BLOB_A, 1), pack(BLOB_B, 0)]);
    expect(Buffer.compare(file ?? new Uint8Array(), expected)).toBe(0);
    expect(builder.takeRest()).toBeUndefined();
    builder.add(PACKS[0]!);
    expect(builder.takeRest()).toEqual(encodeIndexFile(PACKS));
    expect(builder.takeRest()).toBeUndefined();
  });

  test("a builder gives a file ten minutes after its first pack", () => {
    let now = 5_000;
    const builder = new IndexFileBuilder({ now: () => now });
    now += 3_600_000;
    expect(builder.add(PACKS[0]!)).toBeUndefined();
    now += 599_999;
    expect(builder.add(PACKS[0]!)).toBeUndefined();
    now += 1;
    expect(builder.add(PACKS[0]!)).toEqual(encodeIndexFile([PACKS[0]!, PACKS[0]!, PACKS[0]!]));
    now += 599_999;
    expect(builder.add(PACKS[0]!)).toBeUndefined();
  });
});

const idText = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex") as Id);
const uint32 = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 9, 10, 0x7fff_ffff, 0xffff_ffff));
const blob = fc.record({
  id: idText,
  type: fc.constantFrom<BlobType>("data", "tree"),
  offset: uint32,
  lengthBytes: uint32,
  uncompressedBytes: uint32,
});
const packs = fc.uniqueArray(fc.record({ id: idText, blobs: fc.array(blob, { minLength: 1, maxLength: 8 }) }), {
  maxLength: 6,
  selector: (pack) => pack.id,
});

const KNOWN = ["packs", "supersedes", "id", "blobs", "type", "offset", "length", "uncompressed_length"];
const spaces = fc.constantFrom("", " ", "\n\t ", "\r\n");
const unknownKey = fc.string().filter((key) => !KNOWN.includes(key));

/** The same document in another layout: whitespace, keys turned round or escaped, unknown members. */
function loosened(value: unknown, space: string, key: string, junk: unknown): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => loosened(item, space, key, junk));
    return `[${space}${items.join(`${space},${space}`)}${space}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = [...Object.entries(value).reverse(), [key, junk] as const].map(([name, member], n) => {
    const escaped = `"\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}${name.slice(1)}"`;
    const quoted = n === 0 ? escaped : JSON.stringify(name);
    const text = name === key ? JSON.stringify(junk) : loosened(member, space, key, junk);
    return `${quoted}${space}:${space}${text}`;
  });
  return `{${space}${members.join(`${space},${space}`)}${space}}`;
}

describe("reading", () => {
  test("what was written is read back", () => {
    fc.assert(
      fc.property(packs, (list) => {
        expect(read(encodeIndexFile(list))).toEqual({ content: list, packs: list.length, supersedes: [] });
      }),
    );
  });

  test("whitespace, order, escapes in keys and unknown keys change nothing", () => {
    fc.assert(
      fc.property(packs, spaces, unknownKey, fc.jsonValue(), (list, space, key, junk) => {
        const document = JSON.parse(Buffer.from(encodeIndexFile(list)).toString()) as unknown;
        const text = `${space}${loosened(document, space, key, junk)}${space}`;
        expect(read(text)).toEqual({ content: list, packs: list.length, supersedes: [] });
      }),
    );
  });

  test("superseded index files are reported", () => {
    const file = GO_BYTES.replace("{", `{"supersedes":["${OLD_INDEX}"],`);
    expect(read(file)).toEqual({ content: PACKS, packs: 1, supersedes: [OLD_INDEX] });
  });

  test.for(['{"packs":[]}', '{"packs":null}', "{}", '{"supersedes":null,"packs":[]}'])("%s lists nothing", (text) => {
    expect(read(text)).toEqual({ content: [], packs: 0, supersedes: [] });
  });

  test("upper-case ids and a null length are read as restic reads them", () => {
    const withNull = '"length":38,"uncompressed_length":null';
    const text = GO_BYTES.replace(BLOB_A, BLOB_A.toUpperCase()).replace('"length":38', withNull);
    expect(read(text).content).toEqual(PACKS);
  });

  test("blobs that several files list are kept once", () => {
    const index = BlobIndex.create();
    const claimed = idToBytes(BLOB_A);
    index.claim("data", claimed, 0);
    readIndexFile(Buffer.from(GO_BYTES), index);
    readIndexFile(Buffer.from(GO_BYTES), index);
    readIndexFile(Buffer.from(GO_BYTES.replace(PACK, OLD_INDEX)), index);
    expect(index.packCount).toBe(2);
    expect(index.count).toBe(4);
    expect(index.findAll("data", claimed, 0).map(({ pack }) => index.packId(pack))).toEqual([PACK, OLD_INDEX]);
  });
});

const blobText = `{"id":"${BLOB_A}","type":"data","offset":0,"length":38}`;
const withBlob = (text: string): string => `{"packs":[{"id":"${PACK}","blobs":[${text}]}]}`;

describe("a malformed file is refused and adds nothing", () => {
  test.for([
    ["nothing", ""],
    ["not an object", "[]"],
    ["cut off", GO_BYTES.slice(0, -4)],
    ["text after the end", `${GO_BYTES}x`],
    ["packs not a list", '{"packs":{}}'],
    ["a comma too many", withBlob(`${blobText},`)],
    ["a comma missing", withBlob(`${blobText}${blobText}`)],
    ["a pack without id", `{"packs":[{"blobs":[${blobText}]}]}`],
    ["a short id", withBlob(blobText.replace(BLOB_A, BLOB_A.slice(1)))],
    ["an id that is not hex", withBlob(blobText.replace(BLOB_A, `g${BLOB_A.slice(1)}`))],
    ["no id", withBlob('{"type":"data","offset":0,"length":38}')],
    ["no type", withBlob(blobText.replace('"type":"data",', ""))],
    ["another type", withBlob(blobText.replace("data", "date"))],
    ["no offset", withBlob(blobText.replace('"offset":0,', ""))],
    ["no length", withBlob(blobText.replace(',"length":38', ""))],
    ["a negative number", withBlob(blobText.replace("38", "-38"))],
    ["a fraction", withBlob(blobText.replace("38", "38.5"))],
    ["an exponent", withBlob(blobText.replace("38", "1e3"))],
    ["a leading zero", withBlob(blobText.replace("38", "038"))],
    ["a number of 33 bits", withBlob(blobText.replace("38", "4294967296"))],
    ["a number with many digits", withBlob(blobText.replace("38", "1".repeat(400)))],
    ["a string for a number", withBlob(blobText.replace("38", '"38"'))],
    ["an unknown value that is not JSON", '{"x":[1,,2],"packs":[]}'],
    ["an unknown word", '{"x":nil,"packs":[]}'],
    ["brackets that do not match", '{"x":[1},"packs":[]}'],
    ["a key that is no string", "{packs:[]}"],
    ["a control character in a string", '{"x\n":1}'],
    ["a string that is not closed", '{"packs":[],"x":"\\'],
    ["deep nesting that is not closed", `{"x":${"[".repeat(100_000)}`],
  ] as const)("%s", ([, text]) => {
    const index = BlobIndex.create();
    expect(() => readIndexFile(Buffer.from(text), index, { what: "index 1234" })).toThrow(
      expect.objectContaining({ code: "ENGINE_MALFORMED", details: expect.objectContaining({ what: "index 1234" }) }),
    );
    expect([index.count, index.packCount]).toEqual([0, 0]);
  });

  test("wherever a byte is changed, the file is read or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.nat(GO_BYTES.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(GO_BYTES);
        bytes[at] = byte;
        try {
          read(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "ENGINE_MALFORMED" });
        }
      }),
      { numRuns: 500 },
    );
  });
});
