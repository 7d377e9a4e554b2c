/** Saves one file from a stream: the output of a command, or standard input. */
import { posix } from "node:path";
import { Semaphore } from "@holdfast/base";
import { Chunker, MAX_CHUNK_BYTES } from "../chunker/chunker.ts";
import type { Id } from "../format/id.ts";
import { encodeNode, type TreeNode } from "../format/node.ts";
import type { Counters } from "../workers/counters.ts";
import type { Coordinator } from "./coordinator.ts";
import type { AddedBytes } from "./blob-store.ts";
import { describeItem } from "./item-log.ts";
import type { BACKUP_COUNTERS, BackupItem } from "./messages.ts";
import type { BackupOptions } from "./options.ts";

/** The largest chunk, and enough behind it that a search for cuts pays. */
const BUFFER_BYTES = MAX_CHUNK_BYTES + 1024 * 1024;
/** Chunks on their way through the workers. */
const IN_FLIGHT_BYTES = 48 * 1024 * 1024;

export interface SaveStreamParts {
  readonly coordinator: Coordinator;
  readonly counters: Counters<typeof BACKUP_COUNTERS>;
  readonly options: BackupOptions;
  readonly stream: { readonly name: string; readonly input: AsyncIterable<Uint8Array> };
  readonly polynomial: bigint;
  readonly onItem: (item: BackupItem) => void;
}

/** @returns the snapshot's tree. Throws what the stream throws: then nothing is referenced by a snapshot. */
export async function saveStream(parts: SaveStreamParts): Promise<Id> {
  const startedMs = performance.now();
  const { content, bytes } = await saveContent(parts);
  const { dataAdded, dataAddedPacked } = parts.counters.read();
  parts.counters.add("filesNew", 1);
  const names = posix
    .resolve("/", parts.stream.name)
    .split("/")
    .filter((name) => name !== "");
  let node = fileNode(parts.options, names.pop() ?? "stdin", content, bytes);
  // Nothing else was stored so far.
  let added: AddedBytes = { plain: dataAdded, stored: dataAddedPacked };
  for (;;) {
    const json = encodeNode(node);
    if (parts.options.itemEvents === true) {
      const path = `/${[...names, node.name].join("/")}`;
      parts.onItem(describeItem({ path, node, json, previous: undefined }, { startedMs, added }));
    }
    const tree = await parts.coordinator.tree([json]);
    const folder = names.pop();
    if (folder === undefined) return tree.id;
    parts.counters.add("dirsNew", 1);
    node = { ...fileNode(parts.options, folder, [], 0), ...FOLDER, subtree: tree.id };
    added = tree.added;
  }
}

const FOLDER = { type: "dir", mode: 0o755, content: null, links: 0 } as const;

async function saveContent({
  coordinator,
  counters,
  stream,
  polynomial,
}: SaveStreamParts): Promise<{ content: Id[]; bytes: number }> {
  const chunker = new Chunker(polynomial, BUFFER_BYTES);
  const { buffer } = chunker;
  const budget = new Semaphore(IN_FLIGHT_BYTES);
  const ids: Promise<Id>[] = [];
  let end = 0;
  let bytes = 0;
  const store = async (from: number, to: number): Promise<void> => {
    const chunk = buffer.slice(from, to);
    const release = await budget.acquire(chunk.length);
    const id = coordinator.blob(chunk.buffer).finally(release);
    // The failure is seen when all ids are awaited; until then it must not count as unhandled.
    id.catch(() => {});
    ids.push(id);
  };
  /** Stores the chunks that are complete, and moves the rest to the front. */
  const cut = async (): Promise<void> => {
    let start = 0;
    for (let at = chunker.nextCut(start, end); at > 0; at = chunker.nextCut(start, end)) {
      await store(start, at);
      start = at;
    }
    buffer.copyWithin(0, start, end);
    end -= start;
  };
  for await (const piece of untilFailure(stream.input, coordinator)) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + buffer.length - end);
      buffer.set(part, end);
      taken += part.length;
      end += part.length;
      // Each search begins at the start of a chunk, so it waits until there is much to search.
      if (end === buffer.length) await cut();
    }
    bytes += piece.length;
    counters.add("bytesDone", piece.length);
  }
  await cut();
  if (end > 0) await store(0, end);
  return { content: await Promise.all(ids), bytes };
}

/** A stream may be silent for hours; a backup that has failed or was interrupted meanwhile does not wait for it. */
async function* untilFailure(input: AsyncIterable<Uint8Array>, coordinator: Coordinator): AsyncGenerator<Uint8Array> {
  const pieces = input[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const piece = await coordinator.untilFailure(pieces.next());
      ended = piece.done === true;
      if (piece.done === true) return;
      yield piece.value;
    }
  } finally {
    // Not awaited: a generator that waits for its own input would not answer.
    if (!ended) void pieces.return?.()?.catch(() => {});
  }
}

function fileNode(options: BackupOptions, name: string, content: Id[], size: number): TreeNode {
  const timeNs = options.timeNs ?? BigInt(Date.now()) * 1_000_000n;
  return {
    name,
    type: "file",
    mode: 0o644,
    mtimeNs: timeNs,
    atimeNs: timeNs,
    ctimeNs: timeNs,
    uid: options.uid,
    gid: options.gid,
    user: options.username,
    group: "",
    inode: 0n,
    deviceId: 0n,
    size,
    links: 0,
    linkTarget: "",
    extendedAttributes: [],
    device: 0n,
    content,
    subtree: undefined,
    error: "",
    genericAttributes: undefined,
  };
}
