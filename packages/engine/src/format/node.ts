/**
 * A node: one entry of a folder, as trees store it (restic: doc/design.rst, "Trees and Data"). Encoding gives the
 * very bytes that restic writes: order of fields, which of them are left out when empty, Go's escapes, Go's file
 * modes.
 */
import { encodePath } from "../filesystem/path-bytes.ts";
import { goFileMode } from "./go-file-mode.ts";
import { goJsonMap, goJsonString } from "./go-json.ts";
import { goQuote } from "./go-quote.ts";
import { formatGoTime } from "./go-time.ts";
import type { Id } from "./id.ts";

export { decodeNode, nodeNameProblem, parseNode } from "./node-decoding.ts";

/** What an entry of a folder is; `irregular` is what Go calls all that has no type of its own. */
export type NodeType = "file" | "dir" | "symlink" | "dev" | "chardev" | "fifo" | "socket" | "irregular";

/** An extended attribute; the name is surrogate-escaped. */
export interface ExtendedAttribute {
  name: string;
  value: Uint8Array;
}

/** One entry of a folder. */
export interface TreeNode {
  /** Surrogate-escaped (`filesystem/path-bytes.ts`), one component of a path. */
  name: string;
  type: NodeType;
  /** `st_mode & 07777`: permissions, setuid, setgid, sticky. */
  mode: number;
  /** Since 1970, may be negative. */
  mtimeNs: bigint;
  atimeNs: bigint;
  ctimeNs: bigint;
  uid: number;
  gid: number;
  /** Names of owner and group; empty when they have none. */
  user: string;
  group: string;
  inode: bigint;
  /** `st_dev`. */
  deviceId: bigint;
  /** Bytes of a file; 0 for all else. */
  size: number;
  /** Hard links; 0 where not recorded. */
  links: number;
  /** Surrogate-escaped; empty when there is none. */
  linkTarget: string;
  extendedAttributes: ExtendedAttribute[];
  /** `st_rdev` of `dev` and `chardev`. */
  device: bigint;
  /** Blobs of a file, in order; `null` for all else. */
  content: Id[] | null;
  /** Tree blob of a folder. */
  subtree: Id | undefined;
  /** What went wrong when the entry was read; empty when nothing. */
  error: string;
  /** Attributes of other systems: an object of JSON values, in which a `bigint` stands for a number past 2^53. */
  genericAttributes: unknown;
}

/** The JSON of a node, byte for byte as Go encodes it. */
export function encodeNode(node: TreeNode): string {
  const { content } = node;
  let json = encodeNodeHead(node);
  if (content === null) json += `"content":null`;
  else if (content.length === 0) json += `"content":[]`;
  else json += `"content":["${content.join('","')}"]`;
  if (node.subtree !== undefined) json += `,"subtree":"${node.subtree}"`;
  if (node.error !== "") json += `,"error":${goJsonString(node.error)}`;
  return `${json}}`;
}

/** The JSON of a node from its beginning up to where `"content":` follows. */
export function encodeNodeHead(node: TreeNode): string {
  const mode = goFileMode(node.type, node.mode);
  const mtime = formatGoTime(node.mtimeNs);
  // By default restic records the time of modification as that of access; many files never change once they are made.
  const atime = node.atimeNs === node.mtimeNs ? mtime : formatGoTime(node.atimeNs);
  const ctime = node.ctimeNs === node.mtimeNs ? mtime : formatGoTime(node.ctimeNs);
  let json = `{"name":${nameText(node.name)},"type":"${node.type}",`;
  if (mode !== 0) json += `"mode":${mode},`;
  json += `"mtime":"${mtime}","atime":"${atime}","ctime":"${ctime}",${ownerText(node)}`;
  if (node.inode !== 0n) json += `"inode":${integerText(node.inode)},`;
  if (node.deviceId !== 0n) json += `"device_id":${integerText(node.deviceId)},`;
  if (node.size !== 0) json += `"size":${node.size},`;
  if (node.links !== 0) json += `"links":${node.links},`;
  const rare =
    node.linkTarget !== "" ||
    node.extendedAttributes.length > 0 ||
    node.genericAttributes !== undefined ||
    node.device !== 0n;
  return rare ? json + rareFields(node) : json;
}

function rareFields(node: TreeNode): string {
  let json = "";
  if (node.linkTarget !== "") {
    json += `"linktarget":${goJsonString(node.linkTarget)},`;
    if (!node.linkTarget.isWellFormed()) json += `"linktarget_raw":"${base64(encodePath(node.linkTarget))}",`;
  }
  if (node.extendedAttributes.length > 0) {
    const attributes = node.extendedAttributes.map(
      ({ name, value }) => `{"name":${goJsonString(name)},"value":"${base64(value)}"}`,
    );
    json += `"extended_attributes":[${attributes.join(",")}],`;
  }
  if (typeof node.genericAttributes === "object" && node.genericAttributes !== null) {
    const attributes = goJsonMap(node.genericAttributes as Record<string, unknown>);
    if (attributes !== "{}") json += `"generic_attributes":${attributes},`;
  }
  if (node.device !== 0n) json += `"device":${integerText(node.device)},`;
  return json;
}

/** A name that neither Go's quoting nor its JSON changes. */
const PLAIN_NAME = /^[ !#-%'-;=?-[\]-~]*$/;

function nameText(name: string): string {
  return PLAIN_NAME.test(name) ? `"${name}"` : goJsonString(goQuote(name));
}

// Neighbours mostly have one owner, so the text of the last one is kept.
let lastUid = -1;
let lastGid = -1;
let lastUser = "";
let lastGroup = "";
let lastOwnerText = "";

function ownerText({ uid, gid, user, group }: TreeNode): string {
  if (uid !== lastUid || gid !== lastGid || user !== lastUser || group !== lastGroup) {
    lastOwnerText = `"uid":${uid},"gid":${gid},`;
    if (user !== "") lastOwnerText += `"user":${goJsonString(user)},`;
    if (group !== "") lastOwnerText += `"group":${goJsonString(group)},`;
    lastUid = uid;
    lastGid = gid;
    lastUser = user;
    lastGroup = group;
  }
  return lastOwnerText;
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function integerText(value: bigint): string {
  // A number is turned into text twice as fast as a bigint.
  return value <= MAX_SAFE ? String(Number(value)) : value.toString();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
