/** How far WAL leads. */
import { describe, expect, test } from "vitest";
import type { StoredJournalFile } from "../../contract/journal.ts";
import { formatLsn, parseLsn, segmentName, segmentNumber, walFileType } from "./wal-names.ts";
import { type TimelineSwitch, parseHistory, walReach } from "./wal-reach.ts";

const MIB = 1024 * 1024;
const SEGMENT_BYTES = 16 * MIB;

/** `1:5` is segment 5 of timeline 1, `1:5p` the same while it is being written. */
function files(text: string): StoredJournalFile[] {
  return text
    .split(" ")
    .filter((each) => each !== "")
    .map((each) => {
      const [timeline, number = ""] = each.split(":");
      const isPartial = number.endsWith("p");
      const name = segmentName(Number(timeline), BigInt(Number.parseInt(number, 10)), SEGMENT_BYTES);
      return { name, isPartial, sizeBytes: isPartial ? 100 : SEGMENT_BYTES, changedAtMs: 0 };
    });
}

const short = (name: string | undefined): string =>
  name === undefined ? "-" : `${Number.parseInt(name.slice(0, 8), 16)}:${segmentNumber(name, SEGMENT_BYTES)}`;
const at = (segment: number, bytes = 0): bigint => BigInt(segment * SEGMENT_BYTES + bytes);

interface Case {
  readonly what: string;
  readonly files: string;
  readonly from: string;
  readonly histories?: Readonly<Record<number, readonly TimelineSwitch[]>>;
  readonly last: string;
  readonly gaps: readonly string[];
  readonly end?: bigint;
}

const CASES: readonly Case[] = [
  { what: "all is there", files: "1:3 1:4 1:5", from: "1:3", last: "1:5", gaps: [], end: at(6) },
  { what: "what lies before is not needed", files: "1:1 1:3 1:4", from: "1:3", last: "1:4", gaps: [] },
  { what: "one in the middle is missing", files: "1:3 1:5 1:6", from: "1:3", last: "1:3", gaps: ["1:4-1:4"] },
  { what: "the first is missing", files: "1:4 1:5", from: "1:3", last: "-", gaps: ["1:3-1:3"] },
  { what: "two gaps", files: "1:3 1:6 1:8", from: "1:3", last: "1:3", gaps: ["1:4-1:5", "1:7-1:7"] },
  { what: "nothing at all yet", files: "", from: "1:3", last: "-", gaps: [] },
  { what: "only older ones", files: "1:1 1:2", from: "1:3", last: "-", gaps: [] },
  { what: "the last is being written", files: "1:3 1:4p", from: "1:3", last: "1:4", gaps: [], end: at(4, 100) },
  { what: "one in the middle was never finished", files: "1:3 1:4p 1:5", from: "1:3", last: "1:3", gaps: ["1:4-1:4"] },
  { what: "over the end of a log", files: "1:255 1:256", from: "1:255", last: "1:256", gaps: [] },
  {
    what: "a timeline that began in a segment, which the old one left unfinished",
    files: "1:3 1:4 1:5p 2:5 2:6",
    from: "1:3",
    histories: { 2: [{ timeline: 1, at: at(5, 77) }] },
    last: "2:6",
    gaps: [],
  },
  {
    what: "the first segment of the new timeline is missing",
    files: "1:3 1:4 1:5p 2:6",
    from: "1:3",
    histories: { 2: [{ timeline: 1, at: at(5, 77) }] },
    last: "1:4",
    gaps: ["2:5-2:5"],
  },
  {
    what: "without its history file a timeline leads nowhere, and the file is missing",
    files: "1:3 1:4 1:5 2:5 2:6",
    from: "1:3",
    last: "1:5",
    gaps: ["00000002.history"],
  },
  {
    what: "a timeline from before the capture needs no history file",
    files: "1:3 1:4 2:1",
    from: "1:3",
    last: "1:4",
    gaps: [],
  },
  {
    what: "a timeline that was left before the capture began does not count",
    files: "1:3 1:4 2:2 2:3",
    from: "1:3",
    histories: { 2: [{ timeline: 1, at: at(2, 5) }] },
    last: "1:4",
    gaps: [],
  },
  {
    what: "over three timelines, two of which began in one segment",
    files: "1:3 1:4 3:5 3:6",
    from: "1:3",
    histories: {
      2: [{ timeline: 1, at: at(5, 1) }],
      3: [
        { timeline: 1, at: at(5, 1) },
        { timeline: 2, at: at(5, 9) },
      ],
    },
    last: "3:6",
    gaps: [],
  },
  {
    what: "a timeline that is no descendant is passed over",
    files: "2:3 2:4 3:3 3:4 3:5",
    from: "2:3",
    histories: { 2: [{ timeline: 1, at: at(1) }], 3: [{ timeline: 1, at: at(2) }] },
    last: "2:4",
    gaps: [],
  },
  {
    what: "a capture of the newer timeline needs nothing of the older",
    files: "2:5 2:6",
    from: "2:5",
    histories: { 2: [{ timeline: 1, at: at(5, 77) }] },
    last: "2:6",
    gaps: [],
  },
];

describe("the WAL of a journal", () => {
  test.for(CASES)("leads as far as it goes: $what", ({ files: text, from, histories = {}, last, gaps, end }) => {
    const [timeline, number] = from.split(":");
    const reach = walReach(
      {
        segments: files(text),
        histories: new Map(Object.entries(histories).map(([key, value]) => [Number(key), value])),
        segmentBytes: SEGMENT_BYTES,
      },
      segmentName(Number(timeline), BigInt(number as string), SEGMENT_BYTES),
    );
    expect(short(reach.last?.name)).toBe(last);
    const told = reach.gaps.map(({ first, last: to }) =>
      walFileType(first) === "history" ? first : `${short(first)}-${short(to)}`,
    );
    expect(told).toEqual(gaps);
    if (end !== undefined) expect(reach.end?.lsn).toBe(end);
  });

  test("history files are read as the server reads them", () => {
    const text = "1\t0/3000060\tno recovery target specified\n\n# a remark\n2\tA/FF000000\tbefore 2026-11-29\n";
    expect(parseHistory(text)).toEqual([
      { timeline: 1, at: 0x3000060n },
      { timeline: 2, at: 0xa_ff00_0000n },
    ]);
  });
});

describe("names of the WAL", () => {
  test.for([
    ["000000010000000A000000FF", "segment"],
    ["00000002.history", "history"],
    ["000000010000000000000002.00000028.backup", "backup"],
    ["000000010000000A000000ff", undefined],
    ["000000010000000A000000FF.partial", undefined],
    ["../../../etc/passwd", undefined],
    ["archive_status", undefined],
  ] as const)("%s is %s", ([name, type]) => {
    expect(walFileType(name)).toBe(type);
  });

  test.for([1, 16, 64, 1024])("of segments of %i MiB lead there and back", (mib) => {
    for (const number of [0n, 1n, 255n, 256n, 4095n, 4096n, 123_456n]) {
      expect(segmentNumber(segmentName(7, number, mib * MIB), mib * MIB)).toBe(number);
    }
  });

  test("places are read and written as the server does", () => {
    expect(formatLsn(parseLsn("16/B374D848") as bigint)).toBe("16/B374D848");
    expect(formatLsn(0x3000028n)).toBe("0/3000028");
    expect(parseLsn("16B374D848")).toBeUndefined();
  });
});
