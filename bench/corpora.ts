/** The data that is backed up: made anew for every run, in memory, so that no disk is measured. */
import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, writeSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HistoryTree } from "./history.ts";

export interface Corpus {
  readonly name: string;
  readonly path: string;
  readonly description: string;
}

const MIB = 1024 * 1024;

/** One file that neither compresses nor deduplicates: the raw speed of reading, cutting, hashing, sealing and writing. */
export function randomFile(folder: string, mebibytes: number): Corpus {
  const path = join(folder, "random");
  mkdirSync(path, { recursive: true });
  const file = openSync(join(path, "file"), "w");
  const block = Buffer.alloc(MIB);
  for (let n = 0; n < mebibytes; n++) writeSync(file, randomFillSync(block));
  closeSync(file);
  return { name: "random file", path, description: `one file of ${mebibytes} MiB of random bytes` };
}

/** What a Debian system has in /usr/share and /usr/include: many small files, text mostly. */
export function systemTree(folder: string): Corpus {
  const path = join(folder, "tree");
  mkdirSync(path, { recursive: true });
  for (const source of ["/usr/share", "/usr/include"]) {
    if (existsSync(source))
      cpSync(source, join(path, source.slice(5)), {
        recursive: true,
        verbatimSymlinks: true,
        preserveTimestamps: true,
      });
  }
  const entries = Number(execFileSync("sh", ["-c", 'find "$1" | wc -l', "sh", path], { encoding: "utf8" }));
  const kib = Number(execFileSync("du", ["-sk", "--apparent-size", path], { encoding: "utf8" }).split("\t")[0]);
  return {
    name: "system tree",
    path,
    description: `/usr/share and /usr/include: ${entries.toLocaleString("en")} entries, ${Math.round(kib / 1024)} MiB`,
  };
}

/** What documents of people look like, twenty to a folder: half of each compresses. The tree of the history, before its first change. */
export function documentTree(folder: string, files: number): Corpus {
  const { path } = new HistoryTree(join(folder, "documents"), files);
  const description = `${files.toLocaleString("en")} files of 6 KiB on average in ${(files / 20).toLocaleString("en")} folders`;
  return { name: "documents", path, description };
}

/** Very many very small files, a thousand to a folder. */
export function smallFiles(folder: string, files: number): Corpus {
  const path = join(folder, "small");
  for (let n = 0; n < files; n++) {
    const dir = join(path, String(Math.floor(n / 1000)));
    if (n % 1000 === 0) mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, `file-${n}`), `this is file number ${n}\n`);
  }
  return { name: "small files", path, description: `${files.toLocaleString("en")} files of about 25 bytes` };
}
