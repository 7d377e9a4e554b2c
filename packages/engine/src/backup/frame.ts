/** One folder (or a part of one) on its way into a tree. Entries complete in any order; they leave in the order of names. */
import type { EntriesTask } from "./messages.ts";
import type { ParentTree } from "./parent-tree.ts";
import { TreeEncoder } from "../format/tree.ts";

/** Where the result of a frame goes. */
export type FrameOwner =
  | { readonly kind: "task"; readonly task: number; readonly asTree: boolean }
  | {
      readonly kind: "folder";
      readonly parent: Frame;
      readonly at: number;
      /** The folder's own node, up to its content. */
      readonly head: string;
      /** When it was entered, for a backup that names its entries. */
      readonly startedMs: number;
      /** The folder's node in the parent snapshot, as JSON. */
      readonly previous: string | undefined;
    };

export class Frame {
  readonly owner: FrameOwner;
  readonly dir: string;
  /** Path of the folder in the snapshot. */
  readonly storedDir: string;
  readonly names: readonly string[];
  readonly storedNames: readonly string[];
  readonly explicit: boolean;
  /** Device that must not be left, with --one-file-system. */
  readonly device: bigint | undefined;
  readonly parentTree: ParentTree | undefined;
  readonly parentTreeId: EntriesTask["parentTree"];
  /** The next entry that nobody has begun. */
  next = 0;
  readonly #results = new Map<number, string | null>();
  readonly #encoder: TreeEncoder | undefined;
  readonly #collected: (string | null)[] = [];
  #flushed = 0;

  constructor(parts: {
    owner: FrameOwner;
    dir: string;
    storedDir: string;
    names: readonly string[];
    storedNames?: readonly string[] | undefined;
    explicit: boolean;
    device: bigint | undefined;
    parentTree: ParentTree | undefined;
    parentTreeId: EntriesTask["parentTree"];
  }) {
    this.owner = parts.owner;
    this.dir = parts.dir;
    this.storedDir = parts.storedDir;
    this.names = parts.names;
    this.storedNames = parts.storedNames ?? parts.names;
    this.explicit = parts.explicit;
    this.device = parts.device;
    this.parentTree = parts.parentTree;
    this.parentTreeId = parts.parentTreeId;
    this.#encoder = parts.owner.kind === "folder" || parts.owner.asTree ? new TreeEncoder() : undefined;
  }

  /** Path of an entry in the snapshot. */
  storedPath(at: number): string {
    return `${this.storedDir}/${this.storedNames[at]}`;
  }

  /** Every entry was begun, here or by the worker that it was given to. */
  get started(): boolean {
    return this.next >= this.names.length;
  }

  get complete(): boolean {
    return this.#flushed === this.names.length;
  }

  /** The encoded node of entry `at`, or `null` when nothing of it is stored. */
  set(at: number, node: string | null): void {
    this.#results.set(at, node);
    // What is complete from the front leaves at once, so that a folder of a million entries is never held as strings.
    for (;;) {
      const ready = this.#results.get(this.#flushed);
      if (ready === undefined) return;
      this.#results.delete(this.#flushed);
      this.#flushed++;
      if (this.#encoder === undefined) this.#collected.push(ready);
      else if (ready !== null) this.#encoder.append(ready);
    }
  }

  /** Nothing of any entry is stored. Only of a frame that becomes a tree. */
  get empty(): boolean {
    return this.#encoder?.count === 0;
  }

  /** The bytes of the complete tree. */
  tree(): Uint8Array {
    if (this.#encoder === undefined) throw new Error("a task has no tree of its own");
    return this.#encoder.finish();
  }

  /** The nodes of a complete task. */
  nodes(): readonly (string | null)[] {
    return this.#collected;
  }
}
