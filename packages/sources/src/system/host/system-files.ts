/**
 * Reads files of a system that may be mounted somewhere: links in it lead to places in it, never to the machine that looks.
 * Paths are surrogate-escaped, as everywhere.
 */
import { type BigIntStats, lstatSync } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import { decodePath, fsPath, listFolder } from "@holdfast/engine";

/** As many as Linux follows. */
const MAX_LINKS = 40;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

export class SystemFiles {
  /** Absolute, without a slash at its end; empty for the machine itself. */
  readonly #root: string;
  readonly #folders = new Map<string, string | undefined>();

  /** @param root absolute path */
  constructor(root: string) {
    this.#root = posix.resolve(root) === "/" ? "" : posix.resolve(root);
  }

  /** Where a path of the system is on this machine; links on the way are followed by the machine, if at all. */
  at(path: string): string {
    return `${this.#root}${path}` || "/";
  }

  /**
   * The path of the system that this one leads to, without links; `undefined` when there is nothing. @param follow also a link in
   * its last part
   * @throws what `node:fs` throws, such as EACCES
   */
  async resolve(path: string, { follow }: { follow: boolean }): Promise<string | undefined> {
    const folder = posix.dirname(path);
    const name = posix.basename(path);
    if (path === "/") return "/";
    const real = await this.#folder(folder, MAX_LINKS);
    if (real === undefined) return undefined;
    const whole = posix.join(real, name);
    return follow ? this.#follow(whole, MAX_LINKS) : whole;
  }

  /** The content of a file; `undefined` when there is none. @throws as `resolve` */
  async bytes(path: string, maxBytes = MAX_TEXT_BYTES): Promise<Buffer | undefined> {
    const real = await this.resolve(path, { follow: true });
    if (real === undefined) return undefined;
    try {
      const file = await open(fsPath(this.at(real)), "r");
      try {
        // Files of /proc say that they are empty, and pipes that nobody writes to never end.
        if (!(await file.stat()).isFile()) return undefined;
        const content = await file.readFile();
        return content.length > maxBytes ? content.subarray(0, maxBytes) : content;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** The same as text. @throws as `resolve` */
  async text(path: string): Promise<string | undefined> {
    return (await this.bytes(path))?.toString("utf8");
  }

  /** Names in a folder, in the order of bytes; none when it is not there. @throws as `resolve` */
  async names(folder: string): Promise<string[]> {
    const real = await this.resolve(folder, { follow: true });
    if (real === undefined) return [];
    try {
      return listFolder(this.at(real));
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  /** Where a link leads to; `undefined` when it is none. @throws as `resolve` */
  async link(path: string): Promise<string | undefined> {
    const real = await this.resolve(path, { follow: false });
    if (real === undefined) return undefined;
    try {
      return decodePath(await readlink(fsPath(this.at(real)), { encoding: "buffer" }));
    } catch (error) {
      if (isAbsent(error) || systemCode(error) === "EINVAL") return undefined;
      throw error;
    }
  }

  /** What is known of a path itself, whose folders are reached by links; `undefined` when there is nothing. @throws as `resolve` */
  async stat(path: string): Promise<BigIntStats | undefined> {
    const real = await this.resolve(path, { follow: false });
    if (real === undefined) return undefined;
    try {
      return lstatSync(fsPath(this.at(real)), { bigint: true });
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** The real folder; kept, as thousands of paths share theirs. */
  async #folder(path: string, links: number): Promise<string | undefined> {
    if (path === "/") return "/";
    if (this.#folders.has(path)) return this.#folders.get(path);
    const parent = await this.#folder(posix.dirname(path), links);
    const real = parent === undefined ? undefined : await this.#follow(posix.join(parent, posix.basename(path)), links);
    this.#folders.set(path, real);
    return real;
  }

  /** @param path whose folder is real */
  async #follow(path: string, links: number): Promise<string | undefined> {
    try {
      const place = fsPath(this.at(path));
      const found = await lstat(place);
      if (!found.isSymbolicLink()) return path;
      if (links === 0) return undefined;
      const target = posix.resolve(posix.dirname(path), decodePath(await readlink(place, { encoding: "buffer" })));
      if (target === "/") return "/";
      const folder = await this.#folder(posix.dirname(target), links - 1);
      return folder === undefined
        ? undefined
        : await this.#follow(posix.join(folder, posix.basename(target)), links - 1);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
}

/** Whether this says that there is nothing: also where a part of the path is no folder, or links go round. */
function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP"].includes(systemCode(error) ?? "");
}
