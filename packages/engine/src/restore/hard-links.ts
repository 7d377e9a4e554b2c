/** Files with several names: the first name is restored, the others are linked to it once it is there. */
import type { FolderState } from "./folder-state.ts";
import type { LinkedFile } from "./messages.ts";

/** One name of such a file. */
export interface LinkName {
  readonly folder: FolderState;
  readonly file: LinkedFile;
}

interface Inode {
  readonly first: LinkName;
  isReady: boolean;
  waiting: LinkName[];
}

export class HardLinks {
  readonly #inodes = new Map<string, Inode>();

  /** What to do with a name: restore it as the first, link it to the first, or nothing until the first is there. */
  add(name: LinkName): { kind: "restore" } | { kind: "link"; to: LinkName } | { kind: "wait" } {
    const inode = this.#inodes.get(name.file.key);
    if (inode === undefined) {
      this.#inodes.set(name.file.key, { first: name, isReady: false, waiting: [] });
      return { kind: "restore" };
    }
    if (inode.isReady) return { kind: "link", to: inode.first };
    inode.waiting.push(name);
    return { kind: "wait" };
  }

  /** The first name is restored, or failed: then the next one is to be restored in its place. */
  ready(key: string, ok: boolean): { links: { name: LinkName; to: LinkName }[]; restore: LinkName | undefined } {
    const inode = this.#inodes.get(key);
    if (inode === undefined) throw new Error("a link that nobody restores is ready");
    const { waiting, first } = inode;
    inode.waiting = [];
    if (ok) {
      inode.isReady = true;
      return { links: waiting.map((name) => ({ name, to: first })), restore: undefined };
    }
    this.#inodes.delete(key);
    const [next, ...rest] = waiting;
    if (next === undefined) return { links: [], restore: undefined };
    this.#inodes.set(key, { first: next, isReady: false, waiting: rest });
    return { links: [], restore: next };
  }
}
