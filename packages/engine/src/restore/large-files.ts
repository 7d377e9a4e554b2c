/** Large files on their way through a restore, on the main thread. */
import type { FolderState } from "./folder-state.ts";
import type { LargeFile, PieceDone, PieceWork } from "./messages.ts";

export class LargeFileState {
  readonly id: number;
  readonly folder: FolderState;
  readonly file: LargeFile;
  #left: number;
  #outcome: PieceDone["outcome"] = "unchanged";

  constructor(id: number, folder: FolderState, file: LargeFile) {
    this.id = id;
    this.folder = folder;
    this.file = file;
    this.#left = file.pieces.length;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  /** What became of all pieces together. A new file without any content counts as written. */
  get outcome(): PieceDone["outcome"] {
    return this.#outcome === "unchanged" && this.file.fresh ? "written" : this.#outcome;
  }

  piece(n: number): PieceWork {
    const { pieces, ids, name, fresh } = this.file;
    const { firstBlob, offset } = pieces[n] as (typeof pieces)[number];
    // A copy of its own: with a view, all ids would be sent.
    const part = ids.slice(firstBlob * 32, (pieces[n + 1]?.firstBlob ?? ids.length / 32) * 32);
    return { file: this.id, folder: this.folder.ref, name, fresh, ids: part, offset };
  }

  pieceDone(outcome: PieceDone["outcome"]): void {
    this.#left -= 1;
    if (outcome === "failed" || this.#outcome === "unchanged") this.#outcome = outcome;
  }
}
