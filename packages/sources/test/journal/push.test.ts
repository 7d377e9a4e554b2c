/** Pushing files into a journal: what is stored, what is refused, what is left out. */
import { appendFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Check, listSnapshots } from "@holdfast/engine";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { JournalFile } from "../../src/contract/journal.ts";
import { walFormat } from "../../src/postgres/physical/wal-format.ts";
import { SourceLab } from "../../src/testing/index.ts";
import { type MadeSegment, SEGMENT_BYTES, SYSTEM, madeName, makeSegment } from "./made-wal.ts";

const signal = new AbortController().signal;
const STREAM = String(SYSTEM);
const format = walFormat;

let lab: SourceLab;
let folder: string;
let count = 0;
let identity = { kind: "postgres", name: "shop" };
beforeAll(async () => {
  lab = await SourceLab.open();
});
afterAll(() => lab.remove());
beforeEach(() => {
  folder = lab.newFolder();
  identity = { kind: "postgres", name: `shop${count++}` };
});

const made = (segment: MadeSegment): Promise<JournalFile> => format.examine(makeSegment(folder, segment), { signal });
const push = async (...segments: MadeSegment[]) =>
  lab.push(identity, { format, files: await Promise.all(segments.map(made)) });

async function names(options = {}): Promise<string[]> {
  const journal = await lab.journal(identity, options);
  const files = await journal.files(STREAM, { signal });
  return files.map(({ name, isPartial }) => `${Number.parseInt(name.slice(16), 16)}${isPartial ? "p" : ""}`);
}

async function content(number: number): Promise<Buffer> {
  const journal = await lab.journal(identity);
  const pieces: Uint8Array[] = [];
  const stored = journal.read(STREAM, madeName({ number }), { signal });
  for await (const piece of format.restored(stored)) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("a push", () => {
  test("adds to what is there, so that the newest snapshot alone has all of it", async () => {
    for (const number of [1, 2, 3]) {
      const { added, snapshots } = await push({ number });
      expect([added.length, snapshots.length]).toEqual([1, 1]);
    }
    expect(await names({ isNewestOnly: true })).toEqual(["1", "2", "3"]);
    const result = await new Check(lab.repository, {
      readData: { kind: "all" },
      workers: 1,
      signal,
      onFinding() {},
    }).run();
    expect(result.healthy).toBe(true);
  });

  test("reads nothing that is stored already, and writes the folder of the new file only", async () => {
    await push({ number: 1 });
    await push({ number: 5000 });
    const before = await lab.journal(identity);
    await push({ number: 5001 });
    const after = await lab.journal(identity);
    const trees = (journal: typeof before) =>
      [...(journal.folders.get(STREAM) ?? [])].map(([name, [node]]) => [name, node?.subtree]);
    const [same, changed] = trees(before);
    expect(trees(after)[0]).toEqual(same);
    expect(trees(after)[1]).not.toEqual(changed);
  });

  test("of the same file again succeeds and stores nothing; another content under its name is refused, and changes nothing", async () => {
    await push({ number: 1 });
    const again = await push({ number: 1 });
    expect([again.added.length, again.present.length, again.snapshots]).toEqual([0, 1, []]);
    await expect(push({ number: 1, content: "another" })).rejects.toMatchObject({ code: "SOURCES_JOURNAL_DIFFERS" });
    // Nor the one beside it.
    await expect(push({ number: 2 }, { number: 1, content: "another" })).rejects.toMatchObject({
      code: "SOURCES_JOURNAL_DIFFERS",
    });
    expect(await names()).toEqual(["1"]);
    expect((await content(1)).includes("1-1 ")).toBe(true);
  });

  test("of a file that is being written stores what is in it; more of it, and its end, take its place, and less never does", async () => {
    await push({ number: 1 }, { number: 2, partialBytes: 70_000 });
    expect(await names()).toEqual(["1", "2p"]);
    expect((await (await lab.journal(identity)).files(STREAM, { signal })).at(-1)?.sizeBytes).toBe(70_000);
    await push({ number: 2, partialBytes: 90_000 });
    await push({ number: 2, partialBytes: 50_000 });
    expect((await (await lab.journal(identity)).files(STREAM, { signal })).at(-1)?.sizeBytes).toBe(90_000);
    const filled = await content(2);
    expect(filled).toHaveLength(SEGMENT_BYTES);
    expect(filled.subarray(90_000).every((byte) => byte === 0)).toBe(true);
    await push({ number: 2 });
    expect(await names({ isNewestOnly: true })).toEqual(["1", "2"]);
    const late = await push({ number: 2, partialBytes: 70_000 });
    expect([late.present.length, late.snapshots.length]).toEqual([1, 0]);
    expect(await names()).toEqual(["1", "2"]);
  });

  test("keeps the journals of two servers with one name apart", async () => {
    await push({ number: 1 });
    await push({ number: 1, content: "another", system: 5n });
    const journal = await lab.journal(identity);
    expect(await journal.streams()).toEqual(["5", STREAM].sort());
    expect(await journal.files("5", { signal })).toHaveLength(1);
    expect(await names()).toEqual(["1"]);
  });

  test("from another host goes on with the same journal", async () => {
    await push({ number: 1 });
    await lab.push(identity, { format, files: [await made({ number: 2, timeline: 2 })], hostname: "standby" });
    expect(await names({ isNewestOnly: true })).toEqual(["1", "2"]);
  });

  test("whose clock is behind is the newest all the same", async () => {
    await push({ number: 1 });
    const now = Date.now;
    try {
      Date.now = () => now() - 3_600_000;
      await push({ number: 2 });
    } finally {
      Date.now = now;
    }
    expect(await names({ isNewestOnly: true })).toEqual(["1", "2"]);
  });

  test("of nothing, when everything is current, makes a snapshot only where that is asked for", async () => {
    await push({ number: 1 });
    expect((await lab.push(identity, { format, files: [] })).snapshots).toEqual([]);
    const before = (await lab.journal(identity)).currentAtMs as number;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await lab.push(identity, { format, files: [], isHeartbeat: true })).snapshots).toHaveLength(1);
    expect((await lab.journal(identity)).currentAtMs).toBeGreaterThan(before);
    expect(await names({ isNewestOnly: true })).toEqual(["1"]);
  });

  test("of a snapshot that says nothing of its size is not taken for one that shrank", async () => {
    const { snapshots } = await push({ number: 1 });
    const stored = (await listSnapshots(lab.repository, { signal })).find(({ id }) => id === snapshots[0]);
    expect(stored?.snapshot).toMatchObject({
      summary: undefined,
      paths: [`/postgres/${identity.name}/journal`],
      tags: [`source:${identity.name}`, "kind:postgres", "journal"],
    });
  });
});

describe("what is no finished WAL segment is refused, and never stored", () => {
  const refused = async (path: string): Promise<void> => {
    await expect(format.examine(path, { signal })).rejects.toMatchObject({ code: "SOURCES_NOT_JOURNAL" });
  };
  test("a file of another name", async () => {
    const path = join(folder, "notes.txt");
    writeFileSync(path, "x");
    await refused(path);
    await refused(join(folder, madeName({ number: 7 })));
    await refused(folder);
  });

  test("a file that is cut off", async () => {
    const path = makeSegment(folder, { number: 1 });
    truncateSync(path, SEGMENT_BYTES / 2);
    await refused(path);
    appendFileSync(path, Buffer.alloc(SEGMENT_BYTES));
    await refused(path);
  });

  test("a segment that was made ahead, with the content of an older one", async () => {
    const path = makeSegment(folder, { number: 1 });
    const ahead = join(folder, madeName({ number: 9 }));
    renameSync(path, ahead);
    await refused(ahead);
  });

  test("an empty one", async () => {
    const path = join(folder, madeName({ number: 3 }));
    writeFileSync(path, Buffer.alloc(SEGMENT_BYTES));
    await refused(path);
  });

  test("a history file of which nothing says whose it is", async () => {
    const path = join(folder, "00000002.history");
    writeFileSync(path, "1\t0/3000060\tno recovery target specified\n");
    await refused(path);
    makeSegment(folder, { number: 3 });
    expect(await format.examine(path, { signal })).toMatchObject({ stream: STREAM, name: "00000002.history" });
  });
});
