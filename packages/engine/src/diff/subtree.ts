/** The tree of a folder. */
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";

/** @throws ENGINE_MALFORMED for a folder that names none */
export function subtreeOf({ subtree }: TreeNode, path: string): Id {
  if (subtree !== undefined) return subtree;
  const what = `the folder '${displayPath(path)}'`;
  throw engineError("ENGINE_MALFORMED", { what, reason: "it names no tree" });
}
