import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { node } from "../../test/made-repository.ts";
import { decodePath } from "../filesystem/path-bytes.ts";
import { aclText } from "./posix-acl.ts";
import { TAR_BLOCK_BYTES, tarHeader, tarPadding } from "./tar.ts";

/** The records of the pax header that stands first, read by their lengths alone. */
function paxOf(header: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(header);
  const records = new Map<string, Buffer>();
  if (bytes.toString("latin1", 156, 157) !== "x") return records;
  const size = Number.parseInt(bytes.toString("latin1", 124, 135), 8);
  for (let at = TAR_BLOCK_BYTES; at < TAR_BLOCK_BYTES + size;) {
    const length = Number.parseInt(bytes.toString("latin1", at, bytes.indexOf(0x20, at)), 10);
    const start = bytes.indexOf(0x20, at) + 1;
    const equals = bytes.indexOf(0x3d, start);
    expect(bytes[at + length - 1]).toBe(0x0a);
    records.set(bytes.toString("latin1", start, equals), bytes.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

const plain = { mtimeNs: 1_000_000_000n, atimeNs: 1_000_000_000n };

describe("a tar header", () => {
  test("holds any name and any attribute exactly", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).filter((name) => !name.includes(0));
    fc.assert(
      fc.property(bytes, fc.uint8Array({ maxLength: 1200 }), (name, value) => {
        const extendedAttributes = [{ name: "user.any", value }];
        const header = tarHeader(decodePath(name), node("n", { ...plain, extendedAttributes }), 0);
        const records = paxOf(header);
        expect(header.length % TAR_BLOCK_BYTES).toBe(0);
        expect(records.get("SCHILY.xattr.user.any")).toEqual(Buffer.from(value));
        const field = Buffer.from(header.subarray(header.length - TAR_BLOCK_BYTES)).subarray(0, 100);
        const end = field.indexOf(0);
        expect(records.get("path") ?? field.subarray(0, end < 0 ? 100 : end)).toEqual(Buffer.from(name));
      }),
    );
  });

  test("is a single block when the old fields say everything", () => {
    expect(tarHeader("dir/file", node("file", plain), 0o77777777777)).toHaveLength(TAR_BLOCK_BYTES);
  });

  test.each([
    { field: "size", value: "8589934592", sizeBytes: 8 * 2 ** 30, fields: {} },
    { field: "uid", value: "4294967295", sizeBytes: 0, fields: { uid: 0xffff_ffff } },
    { field: "gid", value: "2097152", sizeBytes: 0, fields: { gid: 2_097_152 } },
    { field: "mtime", value: "-1.5", sizeBytes: 0, fields: { mtimeNs: -1_500_000_000n } },
    { field: "mtime", value: "1.000000001", sizeBytes: 0, fields: { mtimeNs: 1_000_000_001n } },
    { field: "atime", value: "0", sizeBytes: 0, fields: { atimeNs: 0n } },
    { field: "uname", value: "ünï", sizeBytes: 0, fields: { user: "ünï" } },
  ])("has $field $value in its pax part", ({ field, value, sizeBytes, fields }) => {
    const records = paxOf(tarHeader("f", node("f", { ...plain, ...fields }), sizeBytes));
    expect(records.get(field)?.toString("utf8")).toBe(value);
  });

  test("holds both numbers of a device", () => {
    // makedev(259, 70000), in Linux' form
    const device = (259n << 8n) | (70_000n & 0xffn) | ((70_000n & 0xffff_ff00n) << 12n);
    const header = Buffer.from(tarHeader("d", node("d", { ...plain, type: "dev", device }), 0));
    expect(Number.parseInt(header.toString("latin1", 329, 336), 8)).toBe(259);
    expect(Number.parseInt(header.toString("latin1", 337, 344), 8)).toBe(70_000);
  });

  test("is followed by content that fills whole blocks", () => {
    expect([0, 1, 511, 512, 513].map((size) => tarPadding(size).length)).toEqual([0, 511, 1, 0, 511]);
  });
});

describe("an access control list", () => {
  test("that is not in Linux' form is no text", () => {
    const entry = Uint8Array.of(2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255);
    expect(aclText(entry)).toBe("user::rw-\n");
    expect(aclText(entry.subarray(0, 11))).toBeUndefined();
    expect(aclText(Uint8Array.of(3, ...entry.subarray(1)))).toBeUndefined();
    expect(aclText(Uint8Array.of(...entry.subarray(0, 4), 3, ...entry.subarray(5)))).toBeUndefined();
    expect(aclText(new Uint8Array(3))).toBeUndefined();
  });
});
