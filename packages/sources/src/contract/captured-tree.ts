/** What a capture has left in a snapshot, as sources see it when they restore. */
import type { SpotCheckOptions, SpotCheckResult } from "@holdfast/engine";
import type { CallOptions } from "./source.ts";
import type { StoredFacts } from "./facts.ts";

export interface CapturedEntry {
  /** From the folder of the capture on, without a slash at its beginning: `data/base/1/112`. */
  readonly path: string;
  readonly type: "file" | "folder" | "symlink" | "other";
  readonly sizeBytes: number;
}

export interface ExtractOptions extends CallOptions {
  /** Only these paths inside the folder, and what is below them; each begins with a slash. */
  readonly only?: readonly string[];
}

export type SpotCheckRequest = CallOptions & Pick<SpotCheckOptions, "size" | "temporary" | "livePath">;

export interface CapturedTree {
  readonly facts: StoredFacts;
  /** What lies in a folder, in the order of names; the capture's own folder without one. @throws SOURCES_DAMAGED when it is not there */
  list(folder: string | undefined, options: CallOptions): Promise<readonly CapturedEntry[]>;
  /** The content of a file; read ahead while it is taken. @throws SOURCES_DAMAGED, and what reading the repository throws */
  read(path: string, options: CallOptions): AsyncIterable<Uint8Array>;
  /**
   * Writes a folder of the capture, with its metadata as far as this process may, into a folder that is there or is made; every
   * byte is read again and compared. @throws SOURCES_DAMAGED when anything of it could not be restored
   */
  extract(path: string | undefined, folder: string, options: ExtractOptions): Promise<void>;
  /** Restores a random sample of a folder of the capture aside, and compares it with the snapshot and with live files. */
  spotCheck(path: string, options: SpotCheckRequest): Promise<SpotCheckResult>;
}
