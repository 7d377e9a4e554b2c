/**
 * Looks at one node in the bytes of a tree without parsing it. What restic and Holdfast write has one layout, of which this
 * makes use; a node in any other layout is parsed.
 */
import { type Id, isId } from "../format/id.ts";
import { encodeNode, parseNode } from "../format/node.ts";
import { type TreeSlice, textOf } from "../format/tree-scanner.ts";
import type { WantedIds } from "./wanted-ids.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const NAME = Buffer.from('{"name":"');
const TYPE_FOLDER = Buffer.from('","type":"dir"');
const TYPE_FILE = Buffer.from('","type":"file"');
const TYPE = Buffer.from('","type":"');
const SUBTREE = Buffer.from('"subtree":"');
const CONTENT = Buffer.from('"content":');
const ID_LENGTH = 64;
/** An id in a list, with its quotes and a comma. */
const ITEM_LENGTH = ID_LENGTH + 3;

/** What a node is, as far as a search cares. */
export type SliceType = "folder" | "file" | "other";

/** @throws ENGINE_MALFORMED */
export function typeOfSlice(bytes: Uint8Array, { start, end }: TreeSlice, what: string): SliceType {
  const type = typeAt(bytes, start, end);
  if (type !== undefined) return type;
  const parsed = parseNode(textOf(bytes, start, end), what).type;
  return parsed === "dir" ? "folder" : parsed === "file" ? "file" : "other";
}

function typeAt(bytes: Uint8Array, start: number, end: number): SliceType | undefined {
  if (!isAt(bytes, start, NAME)) return undefined;
  let at = start + NAME.length;
  for (let byte = bytes[at]; byte !== QUOTE && at < end; byte = bytes[at]) at += byte === BACKSLASH ? 2 : 1;
  if (isAt(bytes, at, TYPE_FILE)) return "file";
  if (isAt(bytes, at, TYPE_FOLDER)) return "folder";
  return isAt(bytes, at, TYPE) ? "other" : undefined;
}

/** The tree of a folder; `undefined` when it names none. @throws ENGINE_MALFORMED */
export function subtreeOfSlice(bytes: Uint8Array, { start, end }: TreeSlice, what: string): Id | undefined {
  const idStart = end - 2 - ID_LENGTH;
  const isUsual =
    bytes[end - 2] === QUOTE && idStart - SUBTREE.length > start && isAt(bytes, idStart - SUBTREE.length, SUBTREE);
  if (isUsual) {
    const id = Buffer.prototype.latin1Slice.call(bytes, idStart, end - 2);
    if (isId(id)) return id;
  }
  return parseNode(textOf(bytes, start, end), what).subtree;
}

/**
 * Where the list of a file's content lies, from behind its opening bracket up to its closing one; `undefined` when the node
 * does not end with it.
 */
function contentRange(bytes: Uint8Array, { start, end }: TreeSlice): { from: number; to: number } | undefined {
  if (bytes[end - 1] !== CLOSE_OBJECT || bytes[end - 2] !== CLOSE_LIST) return undefined;
  const to = end - 2;
  let from = to;
  // From the back, as ids have one length: a list of a hundred thousand is not searched for its beginning.
  while (from > start && bytes[from - 1] !== OPEN_LIST) {
    from -= bytes[from - 1] === COMMA ? ITEM_LENGTH : ITEM_LENGTH - 1;
    if (from <= start || bytes[from] !== QUOTE) return undefined;
  }
  const field = from - 1 - CONTENT.length;
  return field > start && isAt(bytes, field, CONTENT) ? { from, to } : undefined;
}

/** The wanted blobs in a file's content, each once. @throws ENGINE_MALFORMED */
export function wantedInSlice(bytes: Uint8Array, slice: TreeSlice, wanted: WantedIds, what: string): Id[] {
  const found: Id[] = [];
  const note = (id: Id | undefined): void => {
    if (id !== undefined && !found.includes(id)) found.push(id);
  };
  const range = contentRange(bytes, slice);
  if (range === undefined) {
    for (const id of parseNode(textOf(bytes, slice.start, slice.end), what).content ?? []) {
      if (wanted.has(id)) note(id);
    }
    return found;
  }
  for (let at = range.from; at < range.to; at += ITEM_LENGTH) note(wanted.at(bytes, at + 1));
  return found;
}

/**
 * The JSON of a node with an empty list of content. That list can be megabytes long, and nobody who searches wants to see it.
 * @throws ENGINE_MALFORMED
 */
export function jsonWithoutContent(bytes: Uint8Array, slice: TreeSlice, what: string): string {
  const range = contentRange(bytes, slice);
  if (range !== undefined) return `${textOf(bytes, slice.start, range.from)}]}`;
  const json = textOf(bytes, slice.start, slice.end);
  const node = parseNode(json, what);
  return (node.content?.length ?? 0) === 0 ? json : encodeNode({ ...node, content: [] });
}

function isAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let n = 0; n < text.length; n++) if (bytes[at + n] !== text[n]) return false;
  return true;
}
