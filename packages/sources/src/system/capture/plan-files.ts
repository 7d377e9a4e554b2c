/** Which files of a system become entries of its capture, and which of them hold secrets. */
import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import {
  type GivenEntry,
  NO_RULES,
  Selection,
  type SelectionRules,
  compareNames,
  decodePath,
  fsPath,
  lstatNs,
} from "@holdfast/engine";
import type { SystemFiles } from "../host/system-files.ts";
import { type SecretEntry, whySecret } from "./secret-files.ts";

/** The folder of a capture in which files of the system lie, under their own paths. */
export const FILES = "files";

export interface FilesPlan {
  readonly entries: readonly GivenEntry[];
  readonly rules: SelectionRules;
  readonly secrets: readonly SecretEntry[];
}

export interface FilesToPlan {
  /** Paths of the system, which may overlap. Those that are not there are passed over. */
  readonly paths: readonly string[];
  /** Patterns of paths of the system. */
  readonly excludes: readonly string[];
  /** The folder of the capture: `/system/NAME`. */
  readonly at: string;
  readonly signal: AbortSignal;
}

/** @throws ENGINE_PATTERN_INVALID, and what `node:fs` throws */
export async function planFiles(files: SystemFiles, { paths, excludes, at, signal }: FilesToPlan): Promise<FilesPlan> {
  const rules = rulesOf(files, excludes);
  const selection = new Selection(rules);
  const isLeftOut = (path: string): boolean => selection.excludesPath(files.at(path));
  const present = new Set<string>();
  for (const path of paths) {
    const place = await files.resolve(posix.normalize(path), { follow: false });
    if (place === undefined || (await files.stat(place)) === undefined) continue;
    if (![...foldersAbove(place), place].some((each) => each !== "/" && isLeftOut(each))) present.add(place);
  }
  const inCapture = (path: string): string => posix.join(at, FILES, path);
  const entries: GivenEntry[] = [];
  const secrets: SecretEntry[] = [];
  const above = new Set<string>();
  for (const path of [...present].sort(compareNames)) {
    if (foldersAbove(path).some((folder) => present.has(folder))) continue;
    // They carry the owner and mode of every path that is restored below them.
    for (const folder of foldersAbove(path)) {
      if (!above.has(folder)) entries.push({ kind: "real-folder", path: inCapture(folder), from: files.at(folder) });
      above.add(folder);
    }
    entries.push({ kind: "real", path: inCapture(path), from: files.at(path), found: true });
    const { type } = lstatNs(files.at(path));
    // What is no file, such as a pipe, is never opened.
    if (type === "dir") secrets.push(...secretsBelow(path, { files, isLeftOut, signal }));
    else if (type === "file") secrets.push(...secretAt(path, files));
  }
  return { entries, rules, secrets };
}

/** Patterns are about paths of the system, wherever that is mounted. */
function rulesOf(files: SystemFiles, excludes: readonly string[]): SelectionRules {
  const patterns = { ...NO_RULES, excludes: [{ lines: [...excludes], ignoreCase: false }] };
  const root = files.at("/").replace(/\/$/, "");
  if (root === "") return patterns;
  const { deviceId } = lstatNs(files.at("/"));
  return { ...patterns, aliases: [{ is: root, seenAs: "", deviceIs: deviceId, deviceSeenAs: deviceId }] };
}

/** The root first. */
function foldersAbove(path: string): string[] {
  if (path === "/") return [];
  const folder = posix.dirname(path);
  return [...foldersAbove(folder), folder];
}

interface Searching {
  readonly files: SystemFiles;
  readonly isLeftOut: (path: string) => boolean;
  readonly signal: AbortSignal;
}

function secretsBelow(path: string, searching: Searching): SecretEntry[] {
  const { files, isLeftOut, signal } = searching;
  signal.throwIfAborted();
  const found: SecretEntry[] = [];
  for (const { name, isFolder, isFile } of entriesIn(files.at(path))) {
    const child = posix.join(path, name);
    if (isLeftOut(child)) continue;
    if (isFolder) found.push(...secretsBelow(child, searching));
    else if (isFile) found.push(...secretAt(child, files));
  }
  return found;
}

function secretAt(path: string, files: SystemFiles): SecretEntry[] {
  const why = whySecret(path, files.at(path));
  return why === undefined ? [] : [{ path: `${FILES}${path}`, why }];
}

interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly isFile: boolean;
}

/** What cannot be listed has no entries: the backup says so of it. */
function entriesIn(folder: string): Entry[] {
  try {
    return readdirSync(fsPath(folder), { withFileTypes: true, encoding: "buffer" }).map((entry) => ({
      name: decodePath(entry.name),
      isFolder: entry.isDirectory(),
      isFile: entry.isFile(),
    }));
  } catch (error) {
    if (["EACCES", "EPERM", "ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return [];
    throw error;
  }
}
