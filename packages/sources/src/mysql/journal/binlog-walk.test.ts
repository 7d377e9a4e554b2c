import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BinlogWalk, EVENT, beginsGroup, gtidListOf, gtidOf, parseGtids } from "./binlog-walk.ts";

function event(type: number, body: Uint8Array, atS = 1_000): Buffer {
  const header = Buffer.alloc(19);
  header.writeUInt32LE(atS, 0);
  header[4] = type;
  header.writeUInt32LE(7, 5);
  header.writeUInt32LE(19 + body.length, 9);
  return Buffer.concat([header, body]);
}

const list = Buffer.alloc(4 + 16);
list.writeUInt32LE(1, 0);
list.writeUInt32LE(3, 4);
list.writeUInt32LE(7, 8);
list.writeBigUInt64LE(41n, 12);
const gtid = Buffer.alloc(13);
gtid.writeBigUInt64LE(42n, 0);
gtid.writeUInt32LE(3, 8);
const FILE = Buffer.concat([
  Buffer.from([0xfe, 0x62, 0x69, 0x6e]),
  event(EVENT.format, Buffer.alloc(80)),
  event(EVENT.gtidList, list),
  event(EVENT.gtid, gtid, 1_001),
  event(30, Buffer.alloc(5_000, 0xfe), 1_001),
  event(EVENT.stop, Buffer.alloc(0)),
]);

function walked(sizes: readonly number[]) {
  const walk = new BinlogWalk();
  const events = [];
  for (let at = 0, n = 0; at < FILE.length; n++) {
    const size = sizes[n % sizes.length] as number;
    events.push(...walk.push(FILE.subarray(at, at + size)));
    at += size;
  }
  return { events, end: walk.end };
}

describe("a binary log", () => {
  test("is gone through event by event, however its bytes arrive", () => {
    const { events, end } = walked([FILE.length]);
    expect(end).toBe(FILE.length);
    expect(events.map(({ type }) => type)).toEqual([EVENT.format, EVENT.gtidList, EVENT.gtid, 30, EVENT.stop]);
    expect(events.map(({ start }) => start).slice(1)).toEqual(events.map((each) => each.end).slice(0, -1));
    expect(events.filter(beginsGroup)).toHaveLength(1);
    expect(gtidListOf(events[1] as never)).toEqual([{ domain: 3, server: 7, sequence: 41n }]);
    expect(gtidOf(events[2] as never)).toEqual({ domain: 3, server: 7, sequence: 42n });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }), (sizes) => {
        expect(walked(sizes)).toEqual({ events, end });
      }),
    );
  });

  test("ends with its last whole event, and is gone on with from there", () => {
    const whole = walked([FILE.length]).events;
    for (let length = 4; length < FILE.length; length += 13) {
      const walk = new BinlogWalk();
      const first = walk.push(FILE.subarray(0, length));
      const rest = new BinlogWalk(walk.end).push(FILE.subarray(walk.end));
      expect([...first, ...rest].map(({ start }) => start)).toEqual(whole.map(({ start }) => start));
    }
  });

  test("is nothing else", () => {
    expect(() => new BinlogWalk().push(Buffer.from("SQLite format 3"))).toThrow("does not begin as");
    const torn = Buffer.from(FILE);
    torn.writeUInt32LE(3, 4 + 9);
    expect(() => new BinlogWalk().push(torn)).toThrow("a length of 3");
  });

  test.for(["0-1-23", "0-1-5, 0-2-23 ,1-1-7"])("ids are read: %s", (text) => {
    expect(parseGtids(text)?.get(0)).toBe(23n);
  });

  test.for(["", "x", "0-1", "0-1-2-3", "0-1-2,"])("and %j is none", (text) => {
    expect(parseGtids(text)).toBeUndefined();
  });
});
