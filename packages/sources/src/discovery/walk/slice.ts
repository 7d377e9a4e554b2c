/**
 * Goes through some folders: adds up what is in them, and notes what finders want to know of. Synchronous, and ends after a
 * number of entries with what is left, so that threads can share a tree that nobody has counted.
 */
import { type Stats, lstatSync, readdirSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import { CACHE_TAG, PatternSet, decodePath, fsPath } from "@holdfast/engine";
import { readStart } from "../host/read-start.ts";
import { HEADER_BYTES, confirmed, suspicionOf } from "./file-marks.ts";
import { type FolderMark, FolderNames, marksOfFolder } from "./folder-marks.ts";
import type { FolderRow, Mark, PendingFolder, Unseen, WalkResult, WalkSettings, WalkTask } from "./messages.ts";

/** Folders of this depth, as `/a/b/c/d`, have rows of their own; deeper ones only where something is found in them. */
const ROW_DEPTH = 5;
const MOST_UNSEEN = 200;
const DAY_MS = 24 * 60 * 60 * 1000;
const DISK_BLOCK_BYTES = 512;
/** Below this nobody makes holes. */
const SPARSE_LEAST_BYTES = 1024 * 1024;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

type MutableRow = { -readonly [Key in keyof FolderRow]: FolderRow[Key] };

/** One for each thread. */
export class Slicer {
  readonly #settings: WalkSettings;
  readonly #skipped: PatternSet;
  readonly #boundaries: ReadonlySet<string>;
  readonly #ownRows: ReadonlySet<string>;
  readonly #header = Buffer.alloc(HEADER_BYTES);

  #rows = new Map<string, MutableRow>();
  #marks: Mark[] = [];
  #unseen: Unseen[] = [];
  #unseenCount = 0;
  #entries = 0;
  #stack: PendingFolder[] = [];

  constructor(settings: WalkSettings) {
    this.#settings = settings;
    this.#skipped = PatternSet.parse(settings.skipPatterns);
    this.#boundaries = new Set(settings.boundaries);
    this.#ownRows = new Set(settings.ownRows);
  }

  /** @param most entries after which it ends; the folder that is being read is read to its end */
  run(task: WalkTask, most: number): WalkResult {
    this.#rows = new Map();
    this.#marks = [];
    this.#unseen = [];
    this.#unseenCount = 0;
    this.#entries = 0;
    this.#stack = [...task];
    for (
      let next = this.#stack.pop();
      next !== undefined;
      next = this.#entries < most ? this.#stack.pop() : undefined
    ) {
      this.#visit(next);
    }
    return {
      rows: [...this.#rows.values()],
      marks: this.#marks,
      unseen: this.#unseen,
      unseenCount: this.#unseenCount,
      rest: this.#stack,
      entries: this.#entries,
    };
  }

  #visit(folder: PendingFolder): void {
    const { path } = folder;
    let names: string[];
    try {
      names = listed(this.#real(path));
    } catch (error) {
      this.#note(path, error);
      return;
    }
    this.#entries += names.length + 1;
    const known = new FolderNames();
    if (!folder.isPlain) for (const name of names) known.add(name);
    const marks = folder.isPlain ? [] : marksOfFolder(known).filter((mark) => this.#holds(mark, path));
    if (names.includes(CACHE_TAG.name) && this.#isCache(path)) return;
    const row = marks.length > 0 || this.#hasOwnRow(path) ? path : folder.row;
    // Others' backups are neither searched nor counted.
    if (marks.some(({ what }) => what === "backup-repository")) return this.#mark(marks, path);
    this.#mark(marks, path);
    const isPlain = folder.isPlain || marks.some(({ isWhole }) => isWhole);
    const totals = this.#row(row);
    const base = path === "/" ? "/" : `${path}/`;
    for (const name of names) this.#look(base + name, name, totals, { path, row, isPlain });
  }

  #look(path: string, name: string, totals: MutableRow, above: PendingFolder): void {
    // What is mounted may belong to a server that is gone: nobody who asks it for anything gets an answer.
    if (this.#boundaries.has(path)) return;
    let stat: Stats | undefined;
    try {
      stat = lstatSync(fsPath(this.#real(path)), { throwIfNoEntry: false });
    } catch (error) {
      return this.#note(path, error);
    }
    if (stat === undefined) return;
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) {
      if (this.#skipped.matches(path)) return;
      this.#stack.push({ path, row: above.row, isPlain: above.isPlain || name === ".git" });
      return;
    }
    if (type !== S_IFREG) return;
    const bytes = storedBytes(stat);
    totals.files++;
    totals.bytes += bytes;
    const age = this.#settings.nowMs - stat.mtimeMs;
    if (age < 7 * DAY_MS) {
      totals.weekBytes += bytes;
      if (age < DAY_MS) totals.dayBytes += bytes;
    }
    if (!above.isPlain) this.#examine(path, name, stat);
  }

  #examine(path: string, name: string, { size, mtimeMs, blocks }: Stats): void {
    const suspicion = suspicionOf(name, size);
    if (suspicion === undefined || this.#skipped.matches(path)) return;
    try {
      const length = readStart(this.#real(path), this.#header);
      const found = confirmed(suspicion, this.#header.subarray(0, length), name);
      if (found === undefined) return;
      const sizeBytes = suspicion === "disk-image" ? Math.min(size, blocks * DISK_BLOCK_BYTES) : size;
      this.#marks.push({ what: suspicion, path, sizeBytes, changedMs: mtimeMs, detail: found.detail });
    } catch (error) {
      this.#note(path, error);
    }
  }

  /** A name alone may be anybody's; this looks one step further. */
  #holds({ what, detail }: FolderMark, path: string): boolean {
    const inner = what === "etcd-data" ? "member/snap" : detail === ".git" ? ".git" : undefined;
    if (inner === undefined) return true;
    return lstatSync(fsPath(this.#real(`${path}/${inner}`)), { throwIfNoEntry: false })?.isDirectory() === true;
  }

  #isCache(path: string): boolean {
    const wanted = Buffer.from(CACHE_TAG.header ?? "");
    try {
      const length = readStart(this.#real(`${path}/${CACHE_TAG.name}`), this.#header);
      return this.#header.subarray(0, length).subarray(0, wanted.length).equals(wanted);
    } catch {
      return false;
    }
  }

  #mark(marks: readonly FolderMark[], path: string): void {
    for (const { what, detail } of marks) this.#marks.push({ what, path, sizeBytes: 0, changedMs: 0, detail });
  }

  #hasOwnRow(path: string): boolean {
    let depth = 0;
    for (let at = path.indexOf("/"); at >= 0 && depth <= ROW_DEPTH; at = path.indexOf("/", at + 1)) depth++;
    return depth <= ROW_DEPTH || this.#ownRows.has(path);
  }

  #row(path: string): MutableRow {
    let row = this.#rows.get(path);
    if (row === undefined) {
      row = { path, files: 0, bytes: 0, dayBytes: 0, weekBytes: 0 };
      this.#rows.set(path, row);
    }
    return row;
  }

  #real(path: string): string {
    return this.#settings.root + path;
  }

  #note(path: string, error: unknown): void {
    const code = systemCode(error) ?? "unknown";
    // It has gone meanwhile, or a single file is mounted there.
    if (code === "ENOENT" || code === "ENOTDIR") return;
    this.#unseenCount++;
    if (this.#unseen.length < MOST_UNSEEN) this.#unseen.push({ path, code });
  }
}

function listed(path: string): string[] {
  const target = fsPath(path);
  const names = readdirSync(target, "utf8");
  // U+FFFD shows that a name may not be UTF-8: then only the bytes tell.
  return names.some((name) => name.includes("\uFFFD"))
    ? readdirSync(target, { encoding: "buffer" }).map((name) => decodePath(name))
    : names;
}

/** What a backup would have to read: no holes, and what has several names once in all. */
function storedBytes({ size, blocks, nlink }: Stats): number {
  const bytes = size > SPARSE_LEAST_BYTES ? Math.min(size, Math.max(blocks * DISK_BLOCK_BYTES, size / 64)) : size;
  return nlink > 1 ? Math.round(bytes / nlink) : bytes;
}
