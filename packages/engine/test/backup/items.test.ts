/** What a backup tells of single entries when it is asked to. */
import { appendFileSync, chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { BackupItem } from "../../src/backup/messages.ts";
import type { BackupEvent, BackupOptions, BackupResult } from "../../src/backup/options.ts";
import { NO_RULES } from "../../src/backup/selection.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { givenStream } from "../../src/backup/given-entries.ts";
import { backUp, newRepository, noise, scratchFolder, writeFiles } from "../backup-lab.ts";

type StoredItem = Exclude<BackupItem, { action: "excluded" }>;

const scratch = scratchFolder();
let folder: string;
let repository: Repository;
let number = 0;

beforeEach(async () => {
  folder = join(scratch, String(number++));
  mkdirSync(folder);
  repository = await newRepository();
});

async function itemsOf(
  options: Partial<BackupOptions> = {},
  targets = ["."],
): Promise<{ result: BackupResult; items: BackupItem[] }> {
  const items: BackupItem[] = [];
  const onEvent = (event: BackupEvent): void => {
    if (event.kind === "item") items.push(event.item);
  };
  const result = await backUp(repository, targets, { cwd: folder, itemEvents: true, onEvent, ...options });
  return { result, items };
}

/** `new /a` and so on, in the order of the paths. */
function lines(items: readonly BackupItem[]): string[] {
  return items.map(({ action, path }) => `${action} ${path}`).sort((a, b) => (pathIn(a) < pathIn(b) ? -1 : 1));
}

function pathIn(line: string): string {
  return line.slice(line.indexOf(" ") + 1);
}

function stored(items: readonly BackupItem[]): StoredItem[] {
  return items.filter((item) => item.action !== "excluded");
}

function itemAt(items: readonly BackupItem[], path: string): StoredItem {
  const item = stored(items).find((candidate) => candidate.path === path);
  if (item === undefined) throw new Error(`nothing is told of ${path}`);
  return item;
}

describe("the entries of a backup", () => {
  test("are told once each: new at first, then by what became of them", async () => {
    writeFiles(folder, { a: "first", b: "second", "deep/c": "third", "deep/er/d": "fourth", "quiet/e": "fifth" });
    symlinkSync("a", join(folder, "link"));
    const first = await itemsOf();
    const paths = ["/a", "/b", "/deep", "/deep/c", "/deep/er", "/deep/er/d", "/link", "/quiet", "/quiet/e"];
    expect(lines(first.items)).toEqual(paths.map((path) => `new ${path}`));

    appendFileSync(join(folder, "a"), " and more");
    chmodSync(join(folder, "deep/er/d"), 0o600);
    writeFiles(folder, { f: "sixth" });
    const second = await itemsOf();
    expect(lines(second.items)).toEqual([
      "modified /a",
      "unchanged /b",
      "modified /deep",
      "unchanged /deep/c",
      "modified /deep/er",
      "modified /deep/er/d",
      "new /f",
      "unchanged /link",
      "unchanged /quiet",
      "unchanged /quiet/e",
    ]);
  });

  test("carry what each has added: together all that was added, but for the tree of the snapshot itself", async () => {
    writeFiles(folder, { "deep/a": noise(5000, 1), "deep/same": noise(5000, 1), b: "x".repeat(9000) });
    const { items, result } = await itemsOf();
    expect(itemAt(items, "/b")).toMatchObject({ type: "file", sizeBytes: 9000, addedBytes: 9000 });
    expect(itemAt(items, "/b").storedBytes).toBeLessThan(1000);
    // One content, stored once.
    const twins = [itemAt(items, "/deep/a").addedBytes, itemAt(items, "/deep/same").addedBytes];
    expect(twins.toSorted((a, b) => a - b)).toEqual([0, 5000]);
    expect(itemAt(items, "/deep")).toMatchObject({ type: "dir", sizeBytes: 0 });
    expect(itemAt(items, "/deep").addedBytes).toBeGreaterThan(100);
    const added = stored(items).reduce((sum, item) => sum + item.addedBytes, 0);
    const rootTree = result.counts.dataAdded - added;
    expect(rootTree).toBeGreaterThan(100);
    expect(rootTree).toBeLessThan(2000);
    expect(stored(items).every(({ elapsedMs }) => elapsedMs >= 0 && elapsedMs <= result.elapsedMs)).toBe(true);
  });

  test("are told by their paths in the snapshot, also the folders above a target", async () => {
    writeFiles(folder, { "docs/old/a": "1", "docs/b": "2" });
    const { items } = await itemsOf({}, ["docs/old"]);
    expect(lines(items)).toEqual(["new /docs", "new /docs/old", "new /docs/old/a"]);
    const absolute = await itemsOf({}, [join(folder, "docs/b")]);
    expect(lines(absolute.items).at(-1)).toBe(`new ${folder}/docs/b`);
  });

  test("are also told when they are left out", async () => {
    writeFiles(folder, { a: "1", "no/b": "2", big: "3".repeat(100) });
    const rules = { ...NO_RULES, excludes: [{ lines: ["no"], ignoreCase: false }], largerThanBytes: 50 };
    const { items } = await itemsOf({ rules });
    expect(lines(items)).toEqual(["new /a", "excluded /big", "excluded /no"]);
  });

  test("are told once each when threads share the work, a large file included", async () => {
    const files = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`many/${n % 7}/${n}`, `file ${n}`]));
    const large = noise(33 * 1024 * 1024, 2);
    writeFiles(folder, { ...files, large });
    const { items, result } = await itemsOf({ workers: 3 });
    expect(items).toHaveLength(3000 + 8 + 1);
    expect(new Set(items.map(({ path }) => path)).size).toBe(items.length);
    expect(itemAt(items, "/large")).toMatchObject({ action: "new", sizeBytes: large.length, addedBytes: large.length });
    expect(itemAt(items, "/large").storedBytes).toBeGreaterThan(large.length);
    expect(result.counts.filesNew).toBe(3001);
  });

  test("of a stream are its file and the folders above it", async () => {
    async function* input(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("some output");
    }
    const { items } = await itemsOf({ given: givenStream("/dumps/db.sql", input()), parent: { kind: "none" } });
    expect(lines(items)).toEqual(["new /dumps", "new /dumps/db.sql"]);
    expect(itemAt(items, "/dumps/db.sql")).toMatchObject({ type: "file", sizeBytes: 11, addedBytes: 11 });
  });

  test("are not told when nobody asks", async () => {
    writeFiles(folder, { a: "1" });
    expect((await itemsOf({ itemEvents: false })).items).toEqual([]);
  });
});
