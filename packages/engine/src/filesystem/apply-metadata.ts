/**
 * Gives a restored path its owner, extended attributes, mode and times, in the one order in which none undoes another.
 */
import { chmodSync, lchownSync, lstatSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import type { TreeNode } from "../format/node.ts";
import { llistxattr, lremovexattr, lsetxattr } from "../platform/extended-attributes.ts";
import { systemReason } from "../platform/libc.ts";
import { utimensat } from "../platform/special-files.ts";
import { displayPath, fsPath } from "./path-bytes.ts";

/** Something of a node that the system did not accept; all else was applied. */
export interface MetadataProblem {
  readonly aspect: "owner" | "extended attribute" | "mode" | "times";
  /** The system's code, for example `EPERM`; `undefined` when the failure had none. */
  readonly code: string | undefined;
  /** For people; it does not name the path. */
  readonly reason: string;
}

const SET_ID_BITS = 0o6000;

/**
 * Applies all metadata of a node to a path that exists and has its type. Folders come after their content, whose making
 * changes their times.
 *
 * Owners are the numbers of the node. Who is not root can give files to nobody else, so by default EPERM for the owner
 * is not reported then (restic does the same); `owner: true` reports it, `owner: false` leaves owners alone. A file
 * that does not get its owner does not get setuid and setgid either: it would run as somebody whom the backup never
 * named. That is reported. Extended attributes that the node does not have are removed.
 */
export function applyMetadata(path: string, node: TreeNode, { owner }: { owner?: boolean } = {}): MetadataProblem[] {
  const problems: MetadataProblem[] = [];
  const attempt = (aspect: MetadataProblem["aspect"], what: string, action: () => void): void => {
    try {
      action();
    } catch (error) {
      const code = systemCode(error);
      if (aspect === "owner" && owner === undefined && code === "EPERM" && process.geteuid?.() !== 0) return;
      problems.push({ aspect, code, reason: `${what} cannot be set: ${systemReason(error)}` });
    }
  };
  // A change of owner clears setuid, setgid and file capabilities, so it comes first.
  if (owner !== false) attempt("owner", "the owner", () => lchownSync(fsPath(path), node.uid, node.gid));
  // Without root these need write permission, which the mode may take away.
  applyExtendedAttributes(path, node, attempt);
  // An access ACL sets the group bits, and the mode has them as they were with that ACL.
  if (node.type !== "symlink") attempt("mode", "the mode", () => applyMode(path, node, problems));
  attempt("times", "the times", () => utimensat(path, node.atimeNs, node.mtimeNs));
  return problems;
}

function applyMode(path: string, node: TreeNode, problems: MetadataProblem[]): void {
  let { mode } = node;
  if ((mode & SET_ID_BITS) !== 0 && node.type === "file" && !hasOwnerOf(path, node)) {
    mode &= ~SET_ID_BITS;
    problems.push({
      aspect: "mode",
      code: "EPERM",
      reason: "setuid and setgid are left out: the owner is another one",
    });
  }
  chmodSync(fsPath(path), mode);
}

function hasOwnerOf(path: string, node: TreeNode): boolean {
  const { uid, gid } = lstatSync(fsPath(path));
  return uid === node.uid && gid === node.gid;
}

function applyExtendedAttributes(
  path: string,
  node: TreeNode,
  attempt: (aspect: "extended attribute", what: string, action: () => void) => void,
): void {
  for (const { name, value } of node.extendedAttributes) {
    attempt("extended attribute", `the extended attribute ${displayPath(name)}`, () => lsetxattr(path, name, value));
  }
  // Also a new file may have some: an ACL that it inherits from its folder, a label of the security system.
  attempt("extended attribute", "the list of extended attributes", () => {
    const wanted = new Set(node.extendedAttributes.map(({ name }) => name));
    for (const name of presentAttributes(path)) {
      if (wanted.has(name)) continue;
      attempt("extended attribute", `the absence of the extended attribute ${displayPath(name)}`, () =>
        lremovexattr(path, name),
      );
    }
  });
}

function presentAttributes(path: string): string[] {
  try {
    return llistxattr(path);
  } catch (error) {
    if (systemCode(error) === "ENOTSUP") return [];
    throw error;
  }
}
