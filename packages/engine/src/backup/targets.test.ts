import { describe, expect, test } from "vitest";
import { expandTargets, isLeaf, targetTree, type TargetFolder } from "./targets.ts";

const entries = (path: string): string[] => ({ ".": ["b", "a"], "..": ["work"], "/": ["usr", "etc"] })[path] ?? [];

/** `folder/…` lines with the real path of every leaf. */
function drawn(folder: TargetFolder, above = ""): string[] {
  return [...folder.children].flatMap(([name, child]) =>
    isLeaf(child)
      ? [`${above}/${name} = ${child.path}${child.explicit ? "" : " (listed)"}`]
      : [`${above}/${name}/ = ${child.path}`, ...drawn(child, `${above}/${name}`)],
  );
}

const snapshotOf = (targets: string[]): string[] =>
  drawn(targetTree(expandTargets(targets, entries), "/home/ann/work"));

describe("targets become folders of the snapshot", () => {
  test.for<[string, string[], string[]]>([
    ["an absolute path keeps its place", ["/usr/share"], ["/usr/ = /usr", "/usr/share = /usr/share"]],
    [
      "two targets share the folders above them",
      ["/usr/share", "/usr/lib"],
      ["/usr/ = /usr", "/usr/share = /usr/share", "/usr/lib = /usr/lib"],
    ],
    [
      "a relative path is stored as given",
      ["docs/a"],
      ["/docs/ = /home/ann/work/docs", "/docs/a = /home/ann/work/docs/a"],
    ],
    [
      "redundant parts of a path do not matter",
      ["./docs//a/"],
      ["/docs/ = /home/ann/work/docs", "/docs/a = /home/ann/work/docs/a"],
    ],
    ["leading dots are not stored", ["../other"], ["/other = /home/ann/other"]],
    [
      "dots alone stand for the entries of that folder",
      ["."],
      ["/a = /home/ann/work/a (listed)", "/b = /home/ann/work/b (listed)"],
    ],
    ["the root stands for its entries", ["/"], ["/etc = /etc (listed)", "/usr = /usr (listed)"]],
    [
      "the same name under different roots gets a number",
      ["x", "../x"],
      ["/x = /home/ann/work/x", "/x-1 = /home/ann/x"],
    ],
    ["a target inside another target is covered by it", ["/usr", "/usr/share"], ["/usr = /usr"]],
    ["in any order", ["/usr/share", "/usr"], ["/usr = /usr"]],
    ["a target given twice is stored once", ["/etc", "/etc/"], ["/etc = /etc"]],
  ])("%s", ([, targets, expected]) => {
    expect(snapshotOf(targets)).toEqual(expected);
  });
});
