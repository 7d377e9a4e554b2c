import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { streamedFiles } from "./streamed-files.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-xb-"));
afterAll(() => rmSync(folder, { recursive: true }));

function chunk(type: string, path: string, payload?: string, offset = 0): Buffer {
  const name = Buffer.from(path);
  const head = Buffer.alloc(14);
  head.write("XBSTCK01");
  head.write(type, 9);
  head.writeUInt32LE(name.length, 10);
  if (payload === undefined) return Buffer.concat([head, name]);
  const sizes = Buffer.alloc(20);
  sizes.writeBigUInt64LE(BigInt(payload.length), 0);
  sizes.writeBigUInt64LE(BigInt(offset), 8);
  return Buffer.concat([head, name, sizes, Buffer.from(payload)]);
}
const LARGE = "l".repeat(20 * 1024 * 1024);
const STREAM = Buffer.concat([
  chunk("P", "shop/t.ibd", "0123456789"),
  chunk("P", "ib_logfile0", "XBSTCK01"),
  chunk("P", "shop/t.ibd", "abc", 10),
  chunk("E", "shop/t.ibd"),
  chunk("P", "ib_logfile0", "more", 8),
  chunk("E", "ddl.log"),
  chunk("P", "a", "x"),
  chunk("E", "ib_logfile0"),
  chunk("E", "a"),
]);
const FILES = { "shop/t.ibd": "0123456789abc", "ddl.log": "", a: "x", ib_logfile0: "XBSTCK01more" };

async function read(bytes: Uint8Array, size = bytes.length): Promise<Record<string, string>> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const files: Record<string, string> = {};
  for await (const { path, content } of streamedFiles(pieces(), folder)) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    files[path] = Buffer.concat(parts).toString();
  }
  return files;
}

describe("a stream of mariadb-backup", () => {
  test("gives its files, also where their chunks are mixed, however its bytes arrive", async () => {
    for (const size of [1, 3, 17, 1000]) expect(await read(STREAM, size), `${size}`).toEqual(FILES);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("may hold back more than fits into memory", async () => {
    const mixed = [
      chunk("P", "t", "t"),
      chunk("P", "log", LARGE),
      chunk("P", "log", "end", LARGE.length),
      chunk("E", "log"),
      chunk("E", "t"),
    ];
    const files = await read(Buffer.concat(mixed), 64 * 1024);
    expect(files["t"]).toBe("t");
    expect(files["log"] === `${LARGE}end`).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that is cut off anywhere, or lacks a piece, is refused", async () => {
    for (let length = 0; length < STREAM.length; length++) {
      await expect(read(STREAM.subarray(0, length)), `${length}`).rejects.toThrow(/stream/);
    }
    await expect(read(Buffer.concat([chunk("P", "t", "t", 5), chunk("E", "t")]))).rejects.toThrow(
      "not where it should be",
    );
  });

  test.for(["/etc/passwd", "../x", "shop/../../x", "shop\0x", "shop//x", "."])(
    "with the path %j is refused",
    async (path) => {
      await expect(read(chunk("P", path, "x"))).rejects.toThrow("leads out of its folder");
    },
  );

  test("with what is unknown, and what is no stream, is refused", async () => {
    await expect(read(chunk("R", "x", "x"))).rejects.toThrow("unknown type 'R'");
    await expect(read(Buffer.from("something else altogether"))).rejects.toThrow("no stream");
  });
});
