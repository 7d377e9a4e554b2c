/** Makes the folders of the target, in a worker. A link or file where a folder must be is replaced, never followed. */
import { chmodSync, mkdirSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import { fsPath } from "../filesystem/path-bytes.ts";
import { AnchoredFolder } from "./anchored-folder.ts";
import type { Overwrite } from "./messages.ts";
import { occupantOf, removeEntry } from "./occupants.ts";
import { TargetError } from "./target-error.ts";

/** Nobody else looks into a folder while it is filled: what is in it has not got its own mode yet. */
const MODE_AT_WORK = 0o700;

/** Folders kept open, of those used last. More than anybody works on at a time. */
const KEPT_OPEN = 32;

export class TargetFolders {
  /** By path; the one used last is last. */
  readonly #open = new Map<string, AnchoredFolder>();
  readonly #target: string;
  readonly #dryRun: boolean;
  readonly #overwrite: Overwrite;

  constructor(parts: { target: string; dryRun: boolean; overwrite: Overwrite }) {
    this.#target = parts.target;
    this.#dryRun = parts.dryRun;
    this.#overwrite = parts.overwrite;
  }

  /**
   * A folder that exists. It stays open for later use: do not close it.
   * @param path inside what is restored
   * @throws TargetError, and what the system throws
   */
  open(path: string): AnchoredFolder {
    const known = this.#open.get(path);
    const folder = known ?? AnchoredFolder.open(this.#target + path);
    if (known !== undefined) this.#open.delete(path);
    this.#open.set(path, folder);
    if (this.#open.size > KEPT_OPEN) {
      const [oldest] = this.#open;
      oldest?.[1].close();
      this.#open.delete(oldest?.[0] ?? "");
    }
    return folder;
  }

  /** Closes what is kept open. */
  close(): void {
    for (const folder of this.#open.values()) folder.close();
    this.#open.clear();
  }

  /** As `open`; `undefined` when it does not exist, or something else stands there or in its path. */
  openIfThere(path: string): AnchoredFolder | undefined {
    try {
      return this.open(path);
    } catch (error) {
      const code = systemCode(error);
      if (code === "ENOENT" || code === "ENOTDIR" || error instanceof TargetError) return undefined;
      throw error;
    }
  }

  /** Opens a folder, making it and those above it if they do not exist. The target itself must. Not in a dry run. */
  ensure(path: string): AnchoredFolder {
    const there = this.openIfThere(path);
    if (there !== undefined) return there;
    if (path === "") return this.open(path);
    const slash = path.lastIndexOf("/");
    this.make(this.ensure(path.slice(0, slash)), path.slice(slash + 1));
    return this.open(path);
  }

  /**
   * Makes a folder, or takes the one that is there.
   * @param above `undefined` in a dry run for a folder that would be new
   * @returns whether it is new
   * @throws TargetError when something stands there that the overwrite rule protects, and what the system throws
   */
  make(above: AnchoredFolder | undefined, name: string): { fresh: boolean } {
    if (above === undefined) return { fresh: true };
    if (!this.#dryRun) {
      try {
        mkdirSync(fsPath(above.at(name)), MODE_AT_WORK);
        return { fresh: true };
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
      }
    }
    const occupant = occupantOf(above, name);
    if (occupant?.type === "dir") {
      // Without root a folder that lacks these bits could not be filled.
      if (!this.#dryRun && (occupant.mode & MODE_AT_WORK) !== MODE_AT_WORK) this.#openUp(above, name, occupant.mode);
      return { fresh: false };
    }
    if (occupant !== undefined && this.#overwrite !== "always" && this.#overwrite !== "if-changed") {
      throw new TargetError("what stands there is not a folder, and the overwrite rule keeps it");
    }
    if (this.#dryRun) return { fresh: true };
    if (occupant !== undefined) removeEntry(above, name, occupant.type, false);
    mkdirSync(fsPath(above.at(name)), MODE_AT_WORK);
    return { fresh: true };
  }

  #openUp(above: AnchoredFolder, name: string, mode: number): void {
    const inner = above.child(name);
    try {
      chmodSync(inner.self, mode | MODE_AT_WORK);
    } finally {
      inner.close();
    }
  }
}
