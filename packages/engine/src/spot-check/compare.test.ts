import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lstatNs } from "../filesystem/read-metadata.ts";
import type { TreeNode } from "../format/node.ts";
import { compareRestored } from "./compare.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-compare-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("comparing a restored file with its source", () => {
  const nodeOf = (path: string): TreeNode => {
    const stat = lstatNs(path);
    return {
      ...stat,
      name: "x",
      type: "file",
      user: "",
      group: "",
      linkTarget: "",
      extendedAttributes: [],
      content: [],
      subtree: undefined,
      error: "",
      genericAttributes: undefined,
    };
  };

  test("other content under the same times and size is found", () => {
    const [source, restored] = [join(folder, "source"), join(folder, "restored")];
    writeFileSync(source, "aaaa");
    const node = nodeOf(source);
    writeFileSync(restored, "aaab");
    utimesSync(restored, lstatTime(node), lstatTime(node));
    const sameTimes = { ...node, mtimeNs: lstatNs(restored).mtimeNs };
    // The source's time of modification is rounded by utimes in the same way.
    utimesSync(source, lstatTime(node), lstatTime(node));
    const wanted = { ...sameTimes, ctimeNs: lstatNs(source).ctimeNs };
    expect(compareRestored(wanted, restored, source)).toMatchObject({ kind: "different" });
    writeFileSync(restored, "aaaa");
    utimesSync(restored, lstatTime(node), lstatTime(node));
    expect(compareRestored(wanted, restored, source)).toEqual({ kind: "same" });
  });

  test("a source that changed since proves nothing either way", () => {
    const [source, restored] = [join(folder, "source"), join(folder, "restored")];
    writeFileSync(source, "aaaa");
    // Both files could be written within one tick of the file system's clock.
    utimesSync(source, 1, 1);
    writeFileSync(restored, "aaaa");
    const node = nodeOf(restored);
    expect(compareRestored(node, restored, source)).toMatchObject({ kind: "source-changed" });
    expect(compareRestored(node, restored, join(folder, "absent"))).toMatchObject({ kind: "source-changed" });
    expect(compareRestored(node, restored, undefined)).toMatchObject({ kind: "source-changed" });
  });
});

function lstatTime(node: TreeNode): number {
  return Number(node.mtimeNs / 1_000_000_000n);
}
