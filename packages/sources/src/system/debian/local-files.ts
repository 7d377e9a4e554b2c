/**
 * What was changed on a system besides its packages: files of packages that differ from what the package brought, and files in
 * /usr that no package has.
 */
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { open } from "node:fs/promises";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import { fsPath } from "@holdfast/engine";
import type { SystemFiles } from "../host/system-files.ts";
import { isGenerated } from "./generated-files.ts";
import { OwnedFiles } from "./owned-files.ts";
import type { DebianPackage } from "./packages.ts";
import { readPathExcludes } from "./path-excludes.ts";

/** Unpacking a package, or a whole image, takes so long at most: what was touched later was touched by somebody else. */
const UNPACKING_NS = 600_000_000_000n;
const READ_BYTES = 1024 * 1024;
const ALTERNATIVES = "/etc/alternatives/";

/** A file, or with everything below it a folder. */
export interface LocalFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface LocalFiles {
  /** One line each, for the report: `changed /etc/a MD5`, `missing /etc/b`. */
  readonly conffiles: readonly string[];
  /** The same for other files of packages, and for files that no package has. */
  readonly others: readonly string[];
  /** What is to be stored, besides files in /etc. */
  readonly stored: readonly LocalFile[];
  /** How many files were not compared as time was up. */
  readonly uncompared: number;
  /** Not all of /usr was gone through. */
  readonly isCutShort: boolean;
}

export interface LocalFilesOptions {
  readonly how: "quick" | "full" | "none";
  readonly timeLimitMs: number;
  readonly signal: AbortSignal;
}

export async function findLocalFiles(
  files: SystemFiles,
  packages: readonly DebianPackage[],
  options: LocalFilesOptions,
): Promise<LocalFiles> {
  const look = new Look(files, options);
  const conffiles = await look.conffiles(packages);
  if (options.how === "none") return { conffiles, others: [], stored: [], uncompared: 0, isCutShort: false };
  const owned = await OwnedFiles.read(files);
  await look.contents(owned);
  for (const folder of owned.folders) await look.unowned(owned, folder);
  const { others, stored, uncompared, isCutShort } = look;
  return { conffiles, others: others.sort(), stored, uncompared, isCutShort };
}

class Look {
  readonly others: string[] = [];
  readonly stored: LocalFile[] = [];
  uncompared = 0;
  isCutShort = false;
  readonly #files: SystemFiles;
  readonly #options: LocalFilesOptions;
  readonly #endMs: number;

  constructor(files: SystemFiles, options: LocalFilesOptions) {
    this.#files = files;
    this.#options = options;
    this.#endMs = performance.now() + options.timeLimitMs;
  }

  async conffiles(packages: readonly DebianPackage[]): Promise<string[]> {
    const lines: string[] = [];
    for (const { status, conffiles } of packages) {
      if (status === "config-files") continue;
      for (const { path, md5 } of conffiles) {
        const found = await this.#md5(path);
        if (found === undefined) lines.push(`missing ${path}`);
        else if (found !== md5) lines.push(`changed ${path} ${found}`);
      }
    }
    return lines.sort();
  }

  /** Compares files of packages with their hashes. */
  async contents(owned: OwnedFiles): Promise<void> {
    const isLeftOut = await readPathExcludes(this.#files);
    for await (const { path, md5, unpackedNs, listedNs } of owned.contents()) {
      this.#options.signal.throwIfAborted();
      if (this.#isLate()) {
        this.uncompared++;
        continue;
      }
      const stat = await this.#files.stat(path);
      if (stat === undefined) {
        if (!isLeftOut(path)) this.others.push(`missing ${path}`);
        continue;
      }
      const wasTouched = stat.mtimeNs > unpackedNs || stat.ctimeNs > listedNs + UNPACKING_NS;
      if (this.#options.how === "quick" && !wasTouched) continue;
      const found = stat.isFile() ? await this.#md5(path) : "(no file)";
      if (found === undefined || found === md5) continue;
      this.others.push(`changed ${path} ${found}`);
      this.stored.push({ path, sizeBytes: Number(stat.size) });
    }
  }

  /** Finds what no package has. A folder of which nothing is any package's is told as one. */
  async unowned(owned: OwnedFiles, folder: string): Promise<void> {
    for (const name of await this.#names(folder)) {
      this.#options.signal.throwIfAborted();
      if (this.#isLate()) {
        this.isCutShort = true;
        return;
      }
      const path = posix.join(folder, name);
      if (path === "/usr/local" || isGenerated(path)) continue;
      const stat = await this.#files.stat(path);
      if (stat === undefined) continue;
      const isFolder = stat.isDirectory();
      if (owned.has(path)) {
        if (isFolder) await this.unowned(owned, path);
        continue;
      }
      await (isFolder ? this.#wholeFolder(path) : this.#single(path, stat));
    }
  }

  async #single(path: string, stat: BigIntStats): Promise<void> {
    const link = stat.isSymbolicLink() ? await this.#files.link(path) : undefined;
    if (link !== undefined) {
      // Those of alternatives are told with them.
      if (!link.startsWith(ALTERNATIVES)) this.others.push(`unowned ${path} -> ${link}`);
      this.stored.push({ path, sizeBytes: 0 });
      return;
    }
    if (!stat.isFile()) return;
    this.others.push(`unowned ${path} ${(await this.#md5(path)) ?? ""}`.trim());
    this.stored.push({ path, sizeBytes: Number(stat.size) });
  }

  async #wholeFolder(path: string): Promise<void> {
    const { files, bytes } = await this.#measure(path);
    if (files === 0) return;
    this.others.push(`unowned ${path}/ ${files} files, ${bytes} bytes`);
    this.stored.push({ path, sizeBytes: bytes });
  }

  async #measure(folder: string): Promise<{ files: number; bytes: number }> {
    const sum = { files: 0, bytes: 0 };
    for (const name of await this.#names(folder)) {
      const path = posix.join(folder, name);
      if (isGenerated(path)) continue;
      if (this.#isLate()) {
        this.isCutShort = true;
        return sum;
      }
      const stat = await this.#files.stat(path);
      if (stat?.isDirectory() === true) {
        const below = await this.#measure(path);
        sum.files += below.files;
        sum.bytes += below.bytes;
      } else if (stat !== undefined) {
        sum.files++;
        sum.bytes += Number(stat.size);
      }
    }
    return sum;
  }

  /** Of a folder that this process may not list there is nothing to tell. */
  async #names(folder: string): Promise<string[]> {
    try {
      return await this.#files.names(folder);
    } catch (error) {
      if (isRefused(error)) return [];
      throw error;
    }
  }

  /** @returns `undefined` when there is no such file, and `unreadable` when this process may not read it */
  async #md5(path: string): Promise<string | undefined> {
    try {
      const real = await this.#files.resolve(path, { follow: true });
      if (real === undefined) return undefined;
      const file = await open(fsPath(this.#files.at(real)), "r");
      try {
        if (!(await file.stat()).isFile()) return "(no file)";
        const hash = createHash("md5");
        for await (const chunk of file.createReadStream({ highWaterMark: READ_BYTES, autoClose: false })) {
          this.#options.signal.throwIfAborted();
          hash.update(chunk as Uint8Array);
        }
        return hash.digest("hex");
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      if (isRefused(error)) return "unreadable";
      throw error;
    }
  }

  #isLate(): boolean {
    return performance.now() > this.#endMs;
  }
}

function isRefused(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes(systemCode(error) ?? "");
}
