/** Which files of a system become entries of its capture: whole folders where nothing in them is left out, else their parts. */
import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import {
  type GivenEntry,
  type PatternSet,
  compareNames,
  decodePath,
  fsPath,
  lstatNs,
  readNode,
} from "@holdfast/engine";
import type { SystemFiles } from "../host/system-files.ts";
import { type SecretEntry, whySecret } from "./secret-files.ts";

/** The folder of a capture in which files of the system lie, under their own paths. */
export const FILES = "files";

export interface FilesPlan {
  readonly entries: readonly GivenEntry[];
  readonly secrets: readonly SecretEntry[];
}

export interface FilesToPlan {
  /** Paths of the system, which may overlap. Those that are not there are passed over. */
  readonly paths: readonly string[];
  readonly excludes: PatternSet;
  /** The folder of the capture: `/system/NAME`. */
  readonly at: string;
  readonly signal: AbortSignal;
}

export async function planFiles(files: SystemFiles, { paths, excludes, at, signal }: FilesToPlan): Promise<FilesPlan> {
  const walk = new Walk(files, excludes, posix.join(at, FILES), signal);
  const real = new Set<string>();
  for (const path of paths) {
    const place = await files.resolve(posix.normalize(path), { follow: false });
    if (place !== undefined && (await files.stat(place)) !== undefined) real.add(place);
  }
  const folders = new Set<string>();
  for (const path of [...real].sort(compareNames)) {
    const above = ancestors(path);
    if (above.some((folder) => real.has(folder))) continue;
    // They carry the owner and mode of every path that is restored below them.
    for (const folder of above) if (!folders.has(folder)) walk.addFolder(folder);
    for (const folder of above) folders.add(folder);
    walk.add(path);
  }
  return { entries: walk.entries, secrets: walk.secrets };
}

/** The folders above, the root first. */
function ancestors(path: string): string[] {
  if (path === "/") return [];
  const folder = posix.dirname(path);
  return [...ancestors(folder), folder];
}

class Walk {
  readonly entries: GivenEntry[] = [];
  readonly secrets: SecretEntry[] = [];
  readonly #files: SystemFiles;
  readonly #excludes: PatternSet;
  readonly #at: string;
  readonly #signal: AbortSignal;

  constructor(files: SystemFiles, excludes: PatternSet, at: string, signal: AbortSignal) {
    this.#files = files;
    this.#excludes = excludes;
    this.#at = at;
    this.#signal = signal;
  }

  /** A folder itself, without what is in it. */
  addFolder(path: string): void {
    const place = this.#files.at(path);
    const { node } = readNode(place, posix.basename(path), lstatNs(place), { withAtime: false });
    const { mode, uid, gid, user, group, mtimeNs, extendedAttributes } = node;
    const folder = { kind: "folder", path: this.#inCapture(path), mode, uid, gid, user, group, mtimeNs } as const;
    this.entries.push({ ...folder, extendedAttributes });
  }

  add(path: string): void {
    const { type } = lstatNs(this.#files.at(path));
    const isFolder = type === "dir";
    if (type === "file" && !this.#excludes.matches(path)) this.#noteSecret(path);
    this.entries.push(...(this.#excludes.matches(path) ? [] : this.#entriesOf(path, isFolder).entries));
  }

  /** One entry when nothing below is left out. */
  #entriesOf(path: string, isFolder: boolean): { entries: GivenEntry[]; isWhole: boolean } {
    this.#signal.throwIfAborted();
    const whole: GivenEntry = { kind: "real", path: this.#inCapture(path), from: this.#files.at(path) };
    if (!isFolder) return { entries: [whole], isWhole: true };
    const parts: GivenEntry[] = [];
    let isWhole = true;
    for (const { name, type } of this.#children(path)) {
      const child = posix.join(path, name);
      if (this.#excludes.matches(child)) {
        isWhole = false;
        continue;
      }
      if (type === "file") this.#noteSecret(child);
      if (type !== "folder") {
        parts.push({ kind: "real", path: this.#inCapture(child), from: this.#files.at(child) });
        continue;
      }
      const below = this.#entriesOf(child, true);
      isWhole &&= below.isWhole;
      parts.push(...below.entries);
    }
    if (isWhole) return { entries: [whole], isWhole };
    const made = this.entries.length;
    this.addFolder(path);
    return { entries: [...this.entries.splice(made), ...parts], isWhole };
  }

  #noteSecret(path: string): void {
    const why = whySecret(path, this.#files.at(path));
    if (why !== undefined) this.secrets.push({ path: `${FILES}${path}`, why });
  }

  /** Of a folder that cannot be listed the backup says so. */
  #children(path: string): { name: string; type: "folder" | "file" | "other" }[] {
    try {
      const found = readdirSync(fsPath(this.#files.at(path)), { withFileTypes: true, encoding: "buffer" });
      const named = found.map((entry) => ({
        name: decodePath(entry.name),
        type: entry.isDirectory() ? ("folder" as const) : entry.isFile() ? ("file" as const) : ("other" as const),
      }));
      return named.sort((a, b) => compareNames(a.name, b.name));
    } catch (error) {
      if (["EACCES", "EPERM", "ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return [];
      throw error;
    }
  }

  #inCapture(path: string): string {
    return path === "/" ? this.#at : `${this.#at}${path}`;
  }
}
