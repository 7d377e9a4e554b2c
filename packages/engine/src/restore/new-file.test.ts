import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { node } from "../../test/made-repository.ts";
import { codes, made, newFolder, restore } from "../../test/restore-lab.ts";
import { metadataDifferences } from "../filesystem/compare-metadata.ts";
import { compareNames } from "../filesystem/path-bytes.ts";
import type { TreeNode } from "../format/node.ts";

const isRoot = process.geteuid?.() === 0;
const hasAcl = spawnSync("setfacl", ["--version"]).error === undefined;
const us = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

/** Files of one folder, so that what is known of the first one is used for the others. */
const FILES: Readonly<Record<string, Partial<TreeNode>>> = {
  first: { ...us, mode: 0o644 },
  private: { ...us, mode: 0o600 },
  program: { ...us, mode: 0o755 },
  "for-everybody": { ...us, mode: 0o666 },
  "for-nobody": { ...us, mode: 0 },
  "last-of-ours": { ...us, mode: 0o440 },
  ...(isRoot && {
    "of-another": { uid: 1234, gid: 5678, mode: 0o644 },
    "of-another-group": { uid: 0, gid: 5678, mode: 0o600 },
    "run-as-another": { uid: 1234, gid: 0, mode: 0o4755 },
    "run-as-us": { ...us, mode: 0o6755 },
  }),
  attributed: { ...us, mode: 0o644, extendedAttributes: [{ name: "user.note", value: Uint8Array.of(1) }] },
};

async function restored(target: string): Promise<void> {
  const snapshot = await made(async (author) => [
    await author.folder(
      "d",
      await Promise.all(
        Object.entries(FILES)
          .toSorted(([a], [b]) => compareNames(a, b))
          .map(([name, fields]) => author.file(name, [name], fields)),
      ),
    ),
  ]);
  expect(codes(await restore(snapshot, target, { workers: 1, verify: true }))).toEqual([]);
  for (const [name, fields] of Object.entries(FILES)) {
    expect({
      name,
      differences: metadataDifferences(join(target, "d", name), node(name, { ...fields, size: name.length })),
    }).toEqual({
      name,
      differences: [],
    });
  }
}

describe("new files of a new folder have just their own metadata", () => {
  test("whatever the others of the folder have", async () => {
    await restored(newFolder());
  });

  test.runIf(hasAcl)("where the folder above hands down an ACL", async () => {
    const target = newFolder();
    execFileSync("setfacl", ["-d", "-m", "u:1:rwx,g:2:rx", target]);
    await restored(target);
  });

  test.runIf(isRoot)("where the folder above hands down its group", async () => {
    const target = join(newFolder(), "shared");
    mkdirSync(target);
    execFileSync("chown", ["0:5678", target]);
    chmodSync(target, 0o2775);
    await restored(target);
    expect(statSync(join(target, "d", "of-another-group")).gid).toBe(5678);
  });
});
