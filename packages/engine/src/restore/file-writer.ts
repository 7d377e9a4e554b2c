/**
 * Writes files in a worker, from the loaded blobs of a window. A small file is decoded as a whole before anything is touched:
 * when a blob of it is damaged, what stood there stays as it was and nothing new appears.
 */
import { closeSync, ftruncateSync, unlinkSync, writeSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import { LostBlob } from "./blob-opener.ts";
import { openForPatch } from "./file-planner.ts";
import type { ContentBlob, WantedBlob, WindowFile } from "./load-window.ts";
import type { RestoreRules } from "./messages.ts";
import { closeNewFile, createFile } from "./new-file.ts";
import { removeEntry } from "./occupants.ts";
import { writeSparse } from "./sparse.ts";

/** Content and where in the file it goes. */
interface Chunk {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** The plain bytes of a loaded blob, valid until the next call. @throws LostBlob */
export type OpenBlob = (blob: ContentBlob) => Uint8Array;

export class FileWriter {
  readonly #sparse: boolean;
  readonly #delete: boolean;
  #buffer = new Uint8Array(256 * 1024);

  constructor(rules: Pick<RestoreRules, "sparse" | "delete">) {
    this.#sparse = rules.sparse;
    this.#delete = rules.delete;
  }

  /**
   * Creates or corrects a file that is not a piece. It has its whole content afterwards, or is as it was before.
   * @param complete called with a new file that is still open
   * @throws LostBlob, what the system throws, ENGINE_TARGET_FULL
   */
  writeWhole(
    folder: AnchoredFolder,
    open: OpenBlob,
    { name, wanted, patch, replaces, totalBytes, node }: WindowFile,
    complete: (file: number) => void,
  ): void {
    const chunks = this.#decode(open, wanted);
    if (patch) return this.#patch(folder, name, chunks, totalBytes);
    if (replaces !== undefined) removeEntry(folder, name, replaces, this.#delete);
    const file = createFile(folder, name, node);
    let isOpen = true;
    try {
      for (const { bytes, offset } of chunks) this.#write(file, bytes, offset, false);
      if (this.#sparse) ftruncateSync(file, totalBytes);
      complete(file);
      isOpen = false;
      closeNewFile(folder, file);
    } catch (error) {
      if (isOpen) closeNewFile(folder, file);
      unlinkSync(fsPath(folder.at(name)));
      throw asFull(error);
    }
  }

  #patch(folder: AnchoredFolder, name: string, chunks: readonly Chunk[], totalBytes: number): void {
    const file = openForPatch(folder, name);
    try {
      for (const { bytes, offset } of chunks) this.#write(file, bytes, offset, true);
      ftruncateSync(file, totalBytes);
    } catch (error) {
      throw asFull(error);
    } finally {
      closeSync(file);
    }
  }

  /**
   * Writes a piece of a large file into the file that is there.
   * @throws LostBlob for a damaged blob; all other blobs of the piece are written then
   */
  writePiece(folder: AnchoredFolder, open: OpenBlob, { name, wanted, patch }: WindowFile): void {
    const file = openForPatch(folder, name);
    let lost: LostBlob | undefined;
    try {
      for (const blob of wanted) {
        try {
          this.#write(file, open(blob), blob.offset, patch);
        } catch (error) {
          if (!(error instanceof LostBlob)) throw error;
          lost ??= error;
        }
      }
    } catch (error) {
      throw asFull(error);
    } finally {
      closeSync(file);
    }
    if (lost !== undefined) throw lost;
  }

  /** All blobs as runs without gaps: mostly one. */
  #decode(open: OpenBlob, wanted: readonly WantedBlob[]): Chunk[] {
    const [first] = wanted;
    if (first === undefined) return [];
    if (wanted.length === 1) return [{ bytes: open(first), offset: first.offset }];
    const total = wanted.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
    if (this.#buffer.length < total) this.#buffer = new Uint8Array(total);
    const runs: { from: number; to: number; offset: number }[] = [];
    let at = 0;
    for (const blob of wanted) {
      this.#buffer.set(open(blob), at);
      const last = runs.at(-1);
      if (last !== undefined && last.offset + (last.to - last.from) === blob.offset) last.to += blob.plainBytes;
      else runs.push({ from: at, to: at + blob.plainBytes, offset: blob.offset });
      at += blob.plainBytes;
    }
    return runs.map(({ from, to, offset }) => ({ bytes: this.#buffer.subarray(from, to), offset }));
  }

  #write(file: number, bytes: Uint8Array, offset: number, patch: boolean): void {
    // Where a file has other content, zeros must be written.
    if (this.#sparse && !patch) writeSparse(file, bytes, offset);
    else writeFully(file, bytes, offset);
  }
}

/** Writes all bytes. */
function writeFully(file: number, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, offset + at);
}

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** A full disk concerns all that follows, so it ends the restore. */
function asFull(error: unknown): unknown {
  return FULL.has(systemCode(error) ?? "") ? engineError("ENGINE_TARGET_FULL", {}, error) : error;
}
