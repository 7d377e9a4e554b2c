/**
 * Entries that are handed over instead of being found in folders: the dump of a database, the disk of a machine, what a program
 * prints.
 */
import { posix } from "node:path";
import type { ExtendedAttribute } from "../format/node.ts";

export interface GivenEntries {
  /** What the snapshot says that it holds: absolute, in the order given. */
  readonly paths: readonly string[];
  /** The content of each entry is taken to its end before the next entry is asked for. When this throws, there is no snapshot. */
  readonly entries: AsyncIterable<GivenEntry>;
}

/** What is absent is that of an ordinary file or folder of whoever makes the backup, changed at the time of the snapshot. */
export interface GivenMetadata {
  /** Permissions: `st_mode & 07777`. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly user?: string;
  readonly group?: string;
  /** Nanoseconds since 1970. */
  readonly mtimeNs?: bigint;
  readonly extendedAttributes?: readonly ExtendedAttribute[];
}

/** `path` is where it lies in the snapshot; `..` does not lead out of that. Folders above need not be given. */
export type GivenEntry =
  | ({ readonly kind: "file"; readonly path: string; readonly content: AsyncIterable<Uint8Array> } & GivenMetadata)
  | ({ readonly kind: "folder"; readonly path: string } & GivenMetadata)
  | ({ readonly kind: "symlink"; readonly path: string; readonly linkTarget: string } & GivenMetadata)
  /**
   * A real file or folder of this machine, with everything below it; `from` is absolute. What was found, rather than named by
   * somebody, is subject to the rules of the backup itself, and may be gone by now; what is below always is.
   */
  | { readonly kind: "real"; readonly path: string; readonly from: string; readonly found?: boolean }
  /** A real folder of this machine with its metadata, of whose content only what is given is taken. */
  | { readonly kind: "real-folder"; readonly path: string; readonly from: string };

/** One file whose content comes from a stream. */
export function givenStream(name: string, input: AsyncIterable<Uint8Array>): GivenEntries {
  const path = posix.resolve("/", name);
  async function* entries(): AsyncGenerator<GivenEntry> {
    yield { kind: "file", path, content: input };
  }
  return { paths: [path], entries: entries() };
}
