/**
 * From the paths that a user names to the folders of a snapshot. Absolute paths keep their place (`/usr/share` is stored as
 * `usr/share`), relative ones are stored as they are given (`docs/a`), and one that consists of dots only stands for the
 * entries of that folder. This is restic's rule, so that both programs store the same tree for the same arguments.
 */
import { posix } from "node:path";
import { compareNames } from "../filesystem/path-bytes.ts";

/** A folder of the snapshot above the targets. */
export interface TargetFolder {
  /** The real folder whose metadata it carries; `undefined` for the snapshot's root. */
  readonly path: string | undefined;
  readonly children: Map<string, TargetFolder | TargetLeaf>;
  readonly root: string;
}

export interface TargetLeaf {
  /** Absolute path of the target. */
  readonly path: string;
  /** Named by the user, not found by listing a folder. */
  readonly explicit: boolean;
  readonly root: string;
}

export function isLeaf(entry: TargetFolder | TargetLeaf): entry is TargetLeaf {
  return !("children" in entry);
}

export interface Target {
  readonly path: string;
  readonly explicit: boolean;
}

/**
 * Replaces targets such as `.`, `..` and `/` by the entries of that folder.
 * @param list names in a folder, in any order
 */
export function expandTargets(targets: readonly string[], list: (path: string) => readonly string[]): Target[] {
  return targets.flatMap((given): Target[] => {
    const path = clean(given);
    if (components(path).length > 0) return [{ path, explicit: true }];
    return [...list(path)].sort(compareNames).map((name) => ({ path: posix.join(path, name), explicit: false }));
  });
}

/** Puts targets into one tree of folders. @param cwd absolute path that relative targets start from */
export function targetTree(targets: readonly Target[], cwd: string): TargetFolder {
  const root: TargetFolder = { path: undefined, children: new Map(), root: "" };
  for (const target of targets) addTarget(root, target, cwd);
  return root;
}

function addTarget(root: TargetFolder, target: Target, cwd: string): void {
  const parts = components(target.path);
  const start = rootOf(target.path);
  let folder = root;
  let real = start;
  for (const [depth, part] of parts.entries()) {
    real = posix.join(real, part);
    const absolute = posix.resolve(cwd, real);
    const last = depth === parts.length - 1;
    // Only the first component can collide between different roots (`a` and `../a`).
    const name = depth === 0 ? freeName(folder, part, start) : part;
    const existing = folder.children.get(name);
    // A target above this one covers it.
    if (existing !== undefined && isLeaf(existing)) return;
    if (last) {
      folder.children.set(name, { path: absolute, explicit: target.explicit, root: start });
      return;
    }
    const next: TargetFolder = existing ?? { path: absolute, children: new Map(), root: start };
    folder.children.set(name, next);
    folder = next;
  }
}

function freeName(folder: TargetFolder, wanted: string, root: string): string {
  for (let n = 0, name = wanted; ; name = `${wanted}-${++n}`) {
    const existing = folder.children.get(name);
    if (existing === undefined || existing.root === root) return name;
  }
}

/** `path` without redundant parts; never empty. */
function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

/** The parts of a path that name something, without leading dots. */
function components(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== "." && part !== "..");
}

/** The folder that the first component is in. */
function rootOf(path: string): string {
  if (path.startsWith("/")) return "/";
  const ups = path.split("/").filter((part) => part === "..");
  return ups.length === 0 ? "." : ups.join("/");
}
