/** What clients may do: the one table that decides it. */
import { FILE_TYPES, type FileType } from "@holdfast/storage";
import { serverError } from "../errors.ts";

/** From the least to the most. */
export const ROLES = ["restore", "write-only", "append-only", "maintenance", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** `look` is to list files, and to ask for the size of one. */
export type Operation = "look" | "read" | "add" | "replace" | "remove";

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

const NOT_PACKS = FILE_TYPES.filter((type) => type !== "pack");
const LOCKS: readonly FileType[] = ["lock"];
/** The keys and the config of a repository decide who gets in, and whether it opens at all. */
const CONTENT = FILE_TYPES.filter((type) => type !== "config" && type !== "key");

interface Rights {
  readonly read: readonly FileType[];
  readonly add: readonly FileType[];
  readonly replace: readonly FileType[];
  readonly remove: readonly FileType[];
  /** Locks that other clients made may be removed too. */
  readonly foreignLocks: boolean;
  /** Keys may be added to a repository that is in use. */
  readonly newKeys: boolean;
}

const RIGHTS: Readonly<Record<Role, Rights>> = {
  // Locks keep a restore and a prune apart.
  restore: { read: FILE_TYPES, add: LOCKS, replace: [], remove: LOCKS, foreignLocks: false, newKeys: false },
  "write-only": { read: NOT_PACKS, add: FILE_TYPES, replace: [], remove: LOCKS, foreignLocks: false, newKeys: false },
  "append-only": { read: FILE_TYPES, add: FILE_TYPES, replace: [], remove: LOCKS, foreignLocks: false, newKeys: false },
  maintenance: { read: FILE_TYPES, add: FILE_TYPES, replace: [], remove: CONTENT, foreignLocks: true, newKeys: false },
  admin: {
    read: FILE_TYPES,
    add: FILE_TYPES,
    replace: ["config"],
    remove: FILE_TYPES,
    foreignLocks: true,
    newKeys: true,
  },
};

/** Whether locks of others may be removed. */
export function mayRemoveForeignLocks(role: Role): boolean {
  return RIGHTS[role].foreignLocks;
}

/** Whether keys may be added when the repository has a config already. */
export function mayAddKeys(role: Role): boolean {
  return RIGHTS[role].newKeys;
}

/** Whether an empty repository may be made. */
export function mayCreate(role: Role): boolean {
  return RIGHTS[role].add.includes("config");
}

/** Whether the table allows it at all; locks and keys have further conditions. */
function allows(role: Role, operation: Operation, type: FileType): boolean {
  return operation === "look" || RIGHTS[role][operation].includes(type);
}

/** @throws SERVER_APPEND_ONLY for a removal or a replacement by who may add, SERVER_ROLE for all else that is not allowed */
export function requireRight(role: Role, operation: Operation, type: FileType): void {
  if (allows(role, operation, type)) return;
  const isChange = operation === "remove" || operation === "replace";
  if (isChange && allows(role, "add", type)) throw serverError("SERVER_APPEND_ONLY", { role, type });
  throw serverError("SERVER_ROLE", { role, operation, type });
}
