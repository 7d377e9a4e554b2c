import { describe, expect, test } from "vitest";
import { XbstreamWatch } from "./xbstream.ts";

function chunk(type: string, path: string, payload?: string): Buffer {
  const name = Buffer.from(path);
  const head = Buffer.alloc(14);
  head.write("XBSTCK01");
  head.write(type, 9);
  head.writeUInt32LE(name.length, 10);
  if (payload === undefined) return Buffer.concat([head, name]);
  const sizes = Buffer.alloc(20);
  sizes.writeBigUInt64LE(BigInt(payload.length), 0);
  return Buffer.concat([head, name, sizes, Buffer.from(payload)]);
}
const STREAM = Buffer.concat([
  chunk("P", "shop/t.ibd", "0123456789"),
  chunk("P", "ib_logfile0", "XBSTCK01"),
  chunk("P", "shop/t.ibd", "abc"),
  chunk("E", "shop/t.ibd"),
  chunk("E", "ib_logfile0"),
]);

function watch(bytes: Uint8Array, size = bytes.length): XbstreamWatch {
  const watcher = new XbstreamWatch();
  for (let at = 0; at < bytes.length; at += size) watcher.push(bytes.subarray(at, at + size));
  return watcher;
}

describe("a stream of mariadb-backup", () => {
  test("that is whole passes, however its bytes arrive", () => {
    for (const size of [1, 3, 17, 1000]) {
      const watcher = watch(STREAM, size);
      watcher.end();
      expect([...watcher.files]).toEqual(["shop/t.ibd", "ib_logfile0"]);
    }
  });

  test("that is cut off anywhere does not", () => {
    for (let length = 0; length < STREAM.length; length++) {
      expect(() => watch(STREAM.subarray(0, length)).end(), `${length}`).toThrow(/stream/);
    }
  });

  test.for(["/etc/passwd", "../x", "shop/../../x", "shop\0x"])("with the path %j is refused", (path) => {
    expect(() => watch(chunk("P", path, "x"))).toThrow("leads out of its folder");
  });

  test("with what is unknown, and what is no stream, is refused", () => {
    expect(() => watch(chunk("R", "x", "x"))).toThrow("unknown type 'R'");
    expect(() => watch(Buffer.from("something else altogether"))).toThrow("no stream");
  });
});
