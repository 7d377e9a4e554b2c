/** A folder on its way through a restore, on the main thread: it is finished when all that is in it is. */
import type { Id } from "../format/id.ts";
import type { FolderRef } from "./messages.ts";

export class FolderState {
  readonly ref: FolderRef;
  readonly parent: FolderState | undefined;
  /** JSON of its node; `undefined` for the root, whose metadata is the target's own. */
  readonly node: string | undefined;
  readonly tree: Id | undefined;
  readonly selected: boolean;
  /** Something in it was selected, or below it. */
  used = false;
  /** Not all of its entries are known and safe. */
  incomplete = false;
  /** Pieces of work on its entries that are handed out or waiting. */
  works = 0;
  /** Files, links and folders in it that are not done. Below zero while a worker has not yet told of files that it wrote. */
  open = 0;
  /** What the snapshot lacks was removed, or need not be. */
  cleaned = false;

  constructor(parts: {
    ref: FolderRef;
    parent: FolderState | undefined;
    node: string | undefined;
    tree: Id | undefined;
    selected: boolean;
  }) {
    this.ref = parts.ref;
    this.parent = parts.parent;
    this.node = parts.node;
    this.tree = parts.tree;
    this.selected = parts.selected;
  }

  get isDone(): boolean {
    return this.works === 0 && this.open === 0;
  }
}
