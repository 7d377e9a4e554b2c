/** Names of files in a repository, and where restic's layout puts them (`doc/design.rst`, "Repository Layout"). */
import type { ByteRange, FileKey, FileType } from "./backend.ts";
import { storageError } from "./errors.ts";

/** The types that restic knows, in the order of its layout. */
export const RESTIC_FILE_TYPES: readonly FileType[] = ["config", "key", "lock", "snapshot", "index", "pack"];

/** Every type of file. The last ones are Holdfast's own; their folders are made when they are needed. */
export const FILE_TYPES: readonly FileType[] = [...RESTIC_FILE_TYPES, "forgotten", "hold", "evidence", "retention"];

const FOLDERS: Readonly<Record<FileType, string>> = {
  config: "",
  key: "keys",
  lock: "locks",
  snapshot: "snapshots",
  index: "index",
  pack: "data",
  forgotten: "holdfast/forgotten",
  hold: "holdfast/holds",
  evidence: "holdfast/evidence",
  retention: "holdfast/retention",
};

const HEX_64 = /^[0-9a-f]{64}$/;

/** True when `name` is a name that a file of this type can have: 64 lower-case hex digits, nothing for `config`. */
export function isFileName(type: FileType, name: string): boolean {
  return type === "config" ? name === "" : HEX_64.test(name);
}

/** Refuses a malformed key, so that no name can lead outside of the repository. @throws STORAGE_INVALID_NAME */
export function assertKey(key: FileKey): void {
  if (!Object.hasOwn(FOLDERS, key.type) || !isFileName(key.type, key.name)) {
    throw storageError("STORAGE_INVALID_NAME", { type: key.type, name: key.name.slice(0, 100) });
  }
}

/** The folder of a type, relative to the repository; empty for `config`. Packs are one level deeper, in `data/xx`. */
export function folderOf(type: FileType): string {
  return FOLDERS[type];
}

/** The path of a file relative to the repository, with `/`. @throws STORAGE_INVALID_NAME */
export function pathOf(key: FileKey): string {
  assertKey(key);
  if (key.type === "config") return "config";
  if (key.type === "pack") return `data/${key.name.slice(0, 2)}/${key.name}`;
  return `${FOLDERS[key.type]}/${key.name}`;
}

/** Refuses a range that no file can have. @throws STORAGE_INVALID_RANGE */
export function assertRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { offset, length } = range;
  const isWhole = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && Number.isSafeInteger(offset + length);
  if (!isWhole || offset < 0 || length < 0) throw storageError("STORAGE_INVALID_RANGE", { offset, length });
}
