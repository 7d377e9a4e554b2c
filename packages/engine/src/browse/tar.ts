/**
 * Headers of a tar archive in the POSIX pax form (IEEE Std 1003.1-2017, pax, "pax Interchange Format"; GNU tar and star for
 * the keywords of extended attributes and ACLs).
 *
 * Written here and not by a library: those of npm hold names, links and attribute values as text, and so cannot carry names
 * that are not UTF-8 nor binary attributes, which are what a backup must not change.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { encodePath } from "../filesystem/path-bytes.ts";
import type { NodeType, TreeNode } from "../format/node.ts";
import { aclText } from "./posix-acl.ts";

/** Archives consist of blocks of this size. */
export const TAR_BLOCK_BYTES = 512;

/** Two empty blocks end an archive. */
export const TAR_END = new Uint8Array(2 * TAR_BLOCK_BYTES);

const TYPE_FLAGS: Readonly<Partial<Record<NodeType, string>>> = {
  file: "0",
  symlink: "2",
  chardev: "3",
  dev: "4",
  dir: "5",
  fifo: "6",
};
const PAX = "x";
const NAME_BYTES = 100;
const OWNER_BYTES = 31;
const MAX_7_DIGITS = 0o7777777;
const MAX_11_DIGITS = 0o77777777777;
const SECOND_NS = 1_000_000_000n;
const NEWLINE = Buffer.from("\n");
const ACL_KEYWORDS: Readonly<Record<string, string>> = {
  "system.posix_acl_access": "SCHILY.acl.access",
  "system.posix_acl_default": "SCHILY.acl.default",
};

/** True for what tar can hold: all but sockets and entries of unknown type. */
export function isTarType(type: NodeType): boolean {
  return TYPE_FLAGS[type] !== undefined;
}

/**
 * The header blocks of an entry, preceded by a pax header where the old fields cannot say it exactly. The content follows, then
 * `tarPadding`.
 * @param path inside the archive, surrogate-escaped, without a slash at the beginning
 * @param sizeBytes length of the content that follows
 */
export function tarHeader(path: string, node: TreeNode, sizeBytes: number): Uint8Array {
  const name = encodePath(node.type === "dir" ? `${path}/` : path);
  const link = encodePath(node.linkTarget);
  const records = paxRecords(node, { name, link, sizeBytes });
  const fields: Fields = {
    name,
    link,
    type: TYPE_FLAGS[node.type] as string,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    size: sizeBytes,
    mtime: node.mtimeNs < 0n ? 0 : Number(node.mtimeNs / SECOND_NS),
    user: node.user,
    group: node.group,
    device: node.type === "dev" || node.type === "chardev" ? node.device : 0n,
  };
  const header = block(fields);
  if (records.length === 0) return header;
  const paxName = Buffer.concat([Buffer.from("PaxHeaders/"), lastPart(name)]);
  const pax = block({
    ...fields,
    name: paxName,
    link: new Uint8Array(0),
    type: PAX,
    mode: 0o644,
    size: records.length,
    device: 0n,
  });
  return Buffer.concat([pax, records, tarPadding(records.length), header]);
}

/** What fills the last block of a content of so many bytes. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
}

interface Fields {
  readonly name: Uint8Array;
  readonly link: Uint8Array;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly user: string;
  readonly group: string;
  readonly device: bigint;
}

/** A ustar header. What does not fit is cut; the pax header has it whole. */
function block(fields: Fields): Uint8Array {
  const out = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number, max: number): void => {
    out.write(Math.min(value, max).toString(8).padStart(digits, "0"), at, "latin1");
  };
  out.set(fields.name.subarray(0, NAME_BYTES), 0);
  octal(fields.mode, 100, 7, MAX_7_DIGITS);
  octal(fields.uid, 108, 7, MAX_7_DIGITS);
  octal(fields.gid, 116, 7, MAX_7_DIGITS);
  octal(fields.size, 124, 11, MAX_11_DIGITS);
  octal(fields.mtime, 136, 11, MAX_11_DIGITS);
  out.write("        ", 148, "latin1");
  out.write(fields.type, 156, "latin1");
  out.set(fields.link.subarray(0, NAME_BYTES), 157);
  out.write("ustar\x0000", 257, "latin1");
  out.set(encodePath(fields.user).subarray(0, OWNER_BYTES), 265);
  out.set(encodePath(fields.group).subarray(0, OWNER_BYTES), 297);
  octal(major(fields.device), 329, 7, MAX_7_DIGITS);
  octal(minor(fields.device), 337, 7, MAX_7_DIGITS);
  let sum = 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return out;
}

/** Numbers of a device as Linux packs them into `st_rdev`. */
function major(device: bigint): number {
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n));
}

function minor(device: bigint): number {
  return Number((device & 0xffn) | ((device >> 12n) & 0xffff_ff00n));
}

interface Exact {
  readonly name: Uint8Array;
  readonly link: Uint8Array;
  readonly sizeBytes: number;
}

/** The records of the pax header; empty when the plain header says everything. */
function paxRecords(node: TreeNode, { name, link, sizeBytes }: Exact): Uint8Array {
  const records: Uint8Array[] = [];
  const add = (keyword: string, value: string | Uint8Array, isNeeded = true): void => {
    if (isNeeded) records.push(record(keyword, typeof value === "string" ? Buffer.from(value) : value));
  };
  const texts = [
    { keyword: "path", value: name, room: NAME_BYTES },
    { keyword: "linkpath", value: link, room: NAME_BYTES },
    { keyword: "uname", value: encodePath(node.user), room: OWNER_BYTES },
    { keyword: "gname", value: encodePath(node.group), room: OWNER_BYTES },
  ].filter(({ value, room }) => !fitsOldField(value, room));
  // Says that names are bytes. It must come before them.
  add("hdrcharset", "BINARY", !texts.every(({ value }) => isUtf8(value)));
  for (const { keyword, value } of texts) add(keyword, value);
  add("uid", String(node.uid), node.uid > MAX_7_DIGITS);
  add("gid", String(node.gid), node.gid > MAX_7_DIGITS);
  add("size", String(sizeBytes), sizeBytes > MAX_11_DIGITS);
  const isWhole = node.mtimeNs >= 0n && node.mtimeNs % SECOND_NS === 0n && node.mtimeNs / SECOND_NS <= MAX_11_DIGITS;
  add("mtime", seconds(node.mtimeNs), !isWhole);
  add("atime", seconds(node.atimeNs), node.atimeNs !== node.mtimeNs);
  if (major(node.device) > MAX_7_DIGITS || minor(node.device) > MAX_7_DIGITS) {
    add("SCHILY.devmajor", String(major(node.device)));
    add("SCHILY.devminor", String(minor(node.device)));
  }
  for (const attribute of node.extendedAttributes) {
    const keyword = ACL_KEYWORDS[attribute.name];
    const text = keyword === undefined ? undefined : aclText(attribute.value);
    if (keyword !== undefined && text !== undefined) add(keyword, text);
    else add(`SCHILY.xattr.${attributeKeyword(attribute.name)}`, attribute.value);
  }
  return Buffer.concat(records);
}

/** GNU tar's way to write a name that holds the sign which ends a keyword. */
function attributeKeyword(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("=", "%3D");
}

/** `LENGTH KEYWORD=VALUE\n`, in which LENGTH counts itself. */
function record(keyword: string, value: Uint8Array): Uint8Array {
  const key = encodePath(` ${keyword}=`);
  const rest = key.length + value.length + 1;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), key, value, NEWLINE]);
}

/**
 * True for what the plain header says as well: short ASCII, which any reader understands, and short bytes that are no text in
 * any encoding, which readers take as they are.
 */
function fitsOldField(bytes: Uint8Array, room: number): boolean {
  return bytes.length <= room && (isAscii(bytes) || !isUtf8(bytes));
}

/** Seconds since 1970 with as many decimals as there are. */
function seconds(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const decimals = String(size % SECOND_NS)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${ns < 0n ? "-" : ""}${size / SECOND_NS}${decimals === "" ? "" : `.${decimals}`}`;
}

function lastPart(name: Uint8Array): Uint8Array {
  const end = name.at(-1) === 0x2f ? name.length - 1 : name.length;
  const slash = name.lastIndexOf(0x2f, end - 1);
  return name.subarray(slash + 1, Math.min(end, slash + 1 + NAME_BYTES - "PaxHeaders/".length));
}
