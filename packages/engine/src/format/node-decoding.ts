/** Reads nodes of trees. What is stored may be damaged or hostile, so every field is checked before it is used. */
import { engineError } from "../errors.ts";
import { decodePath } from "../filesystem/path-bytes.ts";
import { isNodeType, posixMode } from "./go-file-mode.ts";
import { goUnquote } from "./go-quote.ts";
import { GO_ZERO_TIME_NS, parseGoTime } from "./go-time.ts";
import { isId, type Id } from "./id.ts";
import { isBase64 } from "./json-fields.ts";
import type { ExtendedAttribute, TreeNode } from "./node.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const MAX_UINT32 = 0xffff_ffff;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;
/** Digits of the largest number that can be meant; more are not worth converting. */
const MAX_DIGITS = 20;

/** The node of a JSON text. Numbers past 2^53 are read exactly. @throws ENGINE_MALFORMED */
export function parseNode(json: string, what = "a tree"): TreeNode {
  return decodeNode(parseNodeJson(json, what), what);
}

/**
 * A JSON text of a node or of a whole tree as values, in which integers past 2^53 are a `bigint`.
 *
 * @throws ENGINE_MALFORMED
 */
export function parseNodeJson(json: string, what = "a tree"): unknown {
  try {
    const value: unknown = JSON.parse(json);
    // The exact way is ten times slower and hardly ever needed.
    return isExact(value) ? value : JSON.parse(json, keepDigits as (key: string, value: unknown) => unknown);
  } catch {
    throw engineError("ENGINE_MALFORMED", { what, reason: "it is not JSON" });
  }
}

/**
 * A node from the value of its JSON, as `parseNodeJson` returns it. The name may be one that must not be used as a
 * path: see `nodeNameProblem`.
 *
 * @throws ENGINE_MALFORMED
 */
export function decodeNode(value: unknown, what = "a tree"): TreeNode {
  if (typeof value !== "object" || value === null) throw malformed(what, "an entry is not a JSON object");
  const json = value as JsonObject;
  const type = json["type"];
  if (!isNodeType(type)) throw malformed(what, `an entry has the unknown type ${JSON.stringify(type)?.slice(0, 40)}`);
  const mtimeNs = time(json, "mtime", what);
  return {
    name: nameOf(json["name"], what),
    type,
    mode: posixMode(integer(json, "mode", what, MAX_UINT32)),
    mtimeNs,
    atimeNs: json["atime"] === json["mtime"] ? mtimeNs : time(json, "atime", what),
    ctimeNs: json["ctime"] === json["mtime"] ? mtimeNs : time(json, "ctime", what),
    uid: integer(json, "uid", what, MAX_UINT32),
    gid: integer(json, "gid", what, MAX_UINT32),
    user: text(json, "user", what),
    group: text(json, "group", what),
    inode: uint64(json, "inode", what),
    deviceId: uint64(json, "device_id", what),
    size: integer(json, "size", what, Number.MAX_SAFE_INTEGER),
    links: integer(json, "links", what, Number.MAX_SAFE_INTEGER),
    linkTarget: linkTarget(json, what),
    extendedAttributes: json["extended_attributes"] == null ? [] : attributes(json["extended_attributes"], what),
    device: uint64(json, "device", what),
    content: content(json["content"], what),
    subtree: json["subtree"] == null ? undefined : id(json["subtree"], what),
    error: text(json, "error", what),
    genericAttributes: genericAttributes(json["generic_attributes"], what),
  };
}

/** Why a name cannot stand for one entry inside its folder, or `undefined` when it can. */
export function nodeNameProblem(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name === "." || name === "..") return "it names a folder above or itself";
  if (name.includes("/")) return "it contains a slash";
  if (name.includes("\0")) return "it contains a NUL character";
  return undefined;
}

/** The name for the value of a node's `"name"`. @throws ENGINE_MALFORMED */
export function nameOf(value: unknown, what: string): string {
  const name = typeof value === "string" ? goUnquote(value) : undefined;
  if (name === undefined) throw malformed(what, "an entry has no valid name");
  return name;
}

function isExact(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const { nodes, inode, device_id: deviceId, device, generic_attributes: generic } = value as JsonObject;
  if (Array.isArray(nodes)) return nodes.every(isExact);
  return generic === undefined && isSmall(inode) && isSmall(deviceId) && isSmall(device);
}

function isSmall(value: unknown): boolean {
  return typeof value !== "number" || value <= Number.MAX_SAFE_INTEGER;
}

function keepDigits(_key: string, value: unknown, context: { source?: string }): unknown {
  const { source } = context;
  if (typeof value !== "number" || Number.isSafeInteger(value) || source === undefined) return value;
  return source.length <= MAX_DIGITS && /^\d+$/.test(source) ? BigInt(source) : value;
}

function integer(json: JsonObject, name: string, what: string, max: number): number {
  const value = json[name] ?? 0;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw malformed(what, `"${name}" of an entry is not a whole number from 0 to ${max}`);
}

function uint64(json: JsonObject, name: string, what: string): bigint {
  const value = json[name] ?? 0;
  if (value === 0) return 0n;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  if (typeof value === "bigint" && value <= MAX_UINT64) return value;
  throw malformed(what, `"${name}" of an entry is not a whole number from 0 to ${MAX_UINT64}`);
}

function text(json: JsonObject, name: string, what: string): string {
  const value = json[name] ?? "";
  if (typeof value !== "string") throw malformed(what, `"${name}" of an entry is not a text`);
  return value.toWellFormed();
}

function time(json: JsonObject, name: string, what: string): bigint {
  const value = json[name] ?? undefined;
  if (value === undefined) return GO_ZERO_TIME_NS;
  const ns = typeof value === "string" ? parseGoTime(value) : undefined;
  if (ns === undefined) throw malformed(what, `"${name}" of an entry is not a time`);
  return ns;
}

function id(value: unknown, what: string): Id {
  if (typeof value !== "string" || !isId(value))
    throw malformed(what, "an entry refers to something that is not an id");
  return value;
}

function content(value: unknown, what: string): Id[] | null {
  if (value == null) return null;
  if (!Array.isArray(value)) throw malformed(what, `"content" of an entry is not a list`);
  return value.map((item) => id(item, what));
}

function linkTarget(json: JsonObject, what: string): string {
  // Bytes that are not UTF-8 stand in a field of their own, beside a lossy text for old programs.
  if (json["linktarget_raw"] == null) return text(json, "linktarget", what);
  return decodePath(bytes(json["linktarget_raw"], "linktarget_raw", what));
}

function attributes(value: unknown, what: string): ExtendedAttribute[] {
  if (!Array.isArray(value)) throw malformed(what, `"extended_attributes" of an entry is not a list`);
  return value.map((item: unknown) => {
    if (typeof item !== "object" || item === null) throw malformed(what, "an extended attribute is not a JSON object");
    const attribute = item as JsonObject;
    return {
      name: text(attribute, "name", what),
      value: attribute["value"] == null ? new Uint8Array(0) : bytes(attribute["value"], "value", what),
    };
  });
}

function genericAttributes(value: unknown, what: string): unknown {
  if (value == null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw malformed(what, `"generic_attributes" of an entry is not a JSON object`);
  }
  return value;
}

function bytes(value: unknown, name: string, what: string): Uint8Array {
  if (typeof value !== "string" || !isBase64(value)) throw malformed(what, `"${name}" of an entry is not base64`);
  return new Uint8Array(Buffer.from(value, "base64"));
}

function malformed(what: string, reason: string): Error {
  return engineError("ENGINE_MALFORMED", { what, reason });
}
