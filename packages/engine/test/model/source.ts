/** A tiny source of backups that changes, and what a snapshot of it must hold. */
import { createHash } from "node:crypto";
import { type Content, noise } from "../backup-lab.ts";
import type { Random } from "./random.ts";

const FOLDERS = ["a", "b", "b/c"] as const;
const NAMES = ["x", "y", "z"] as const;
/** Few pieces, so that files and snapshots share them. */
const PIECES = 40;

/** Files by path, each the pieces that it consists of. */
export type Files = ReadonlyMap<string, readonly number[]>;

/** Some files, with those of `before` as they were or changed. */
export function changed(before: Files, random: Random): Files {
  const files = new Map(before);
  for (let changes = random.between(1, 4); changes > 0; changes--) {
    const path = `${random.pick(FOLDERS)}/${random.pick(NAMES)}`;
    if (random.chance(0.25)) files.delete(path);
    else
      files.set(
        path,
        Array.from({ length: random.between(0, 3) }, () => random.below(PIECES)),
      );
  }
  return files;
}

/** The bytes of a piece: noise for most, text that compresses for some. */
export function piece(number: number): Uint8Array {
  return number % 5 === 0 ? Buffer.from(`piece ${number} `.repeat(20 + number)) : noise(100 + 37 * number, number);
}

/** What a reader of a snapshot of these files must find, in the form of `contentOfSnapshot`. */
export function contentOf(files: Files): Content {
  const content: Content = {};
  for (const [path, pieces] of files) {
    const bytes = Buffer.concat(pieces.map(piece));
    content[`/${path}`] = `file ${bytes.length} ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
      content[`/${path.slice(0, at)}`] = "dir";
  }
  return content;
}
