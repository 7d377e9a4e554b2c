/**
 * A folder of the target that was checked to lie where its path says, with no symbolic link on the way.
 *
 * Node has no `openat`. What takes its place: the folder is opened, the system tells where the open folder really is, and names
 * in it are then reached through `/proc/self/fd`, which leads to the open folder whatever happens to its path. So a link that
 * somebody plants in the target, at any time, leads nothing out of it. Where there is no `/proc`, the folder's real path is
 * compared and names are reached by path: a link planted between the two would be followed.
 */
import { closeSync, constants, openSync, readlinkSync, realpathSync } from "node:fs";
import { decodePath, fsPath } from "../filesystem/path-bytes.ts";
import { TargetError } from "./target-error.ts";

/** Opens a folder only to refer to it, which needs no permission to read it. Linux; the same number on x64 and arm64. */
const O_PATH = 0o10000000;

export class AnchoredFolder {
  /** The owner of files that this process makes in it, where that is known and they get no extended attributes. */
  bequest: { readonly uid: number; readonly gid: number } | undefined;
  readonly #path: string;
  readonly #file: number;
  readonly #base: string;

  private constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
    this.#base = file < 0 ? path : `/proc/self/fd/${file}`;
  }

  /**
   * @param path absolute, below a target whose own path has no symbolic links; "" for the root
   * @param proc whether open files can be reached under `/proc`
   * @throws TargetError for a link in the path, and what the system throws
   */
  static open(path: string, { proc = hasProc() }: { proc?: boolean } = {}): AnchoredFolder {
    const real = path === "" ? "/" : path;
    if (!proc) {
      if (decodePath(realpathSync.native(fsPath(real), { encoding: "buffer" })) !== real) throw misled();
      return new AnchoredFolder(path, -1);
    }
    const file = openFolder(real);
    const folder = new AnchoredFolder(path, file);
    try {
      if (whereIs(file) !== real) throw misled();
    } catch (error) {
      folder.close();
      throw error;
    }
    return folder;
  }

  /**
   * A folder in this one, not followed if it is a link.
   * @throws what the system throws: ENOTDIR for a link
   */
  child(name: string): AnchoredFolder {
    const path = `${this.#path}/${name}`;
    if (this.#file < 0) return AnchoredFolder.open(path, { proc: false });
    return new AnchoredFolder(path, openFolder(this.at(name)));
  }

  /** The path to use for an entry of the folder. `name` is one component. */
  at(name: string): string {
    return `${this.#base}/${name}`;
  }

  /** The open folder; -1 where names are reached by path. */
  get descriptor(): number {
    return this.#file;
  }

  /** The path to use for the folder itself. */
  get self(): string {
    return this.#base === "" ? "/" : this.#base;
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
  }
}

function misled(): TargetError {
  return new TargetError("a symbolic link stands in its path, which would lead out of the target");
}

function openFolder(path: string): number {
  return openSync(fsPath(path), O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** The path of an open folder, as the system knows it. */
export function whereIs(file: number): string {
  return decodePath(readlinkSync(`/proc/self/fd/${file}`, "buffer"));
}

let proc: boolean | undefined;

/** Whether open files can be reached under `/proc`. */
export function hasProc(): boolean {
  if (proc === undefined) {
    const file = openSync("/", O_PATH);
    try {
      proc = whereIs(file) === "/";
    } catch {
      // No /proc, as in some rescue environments and chroots.
      proc = false;
    } finally {
      closeSync(file);
    }
  }
  return proc;
}
