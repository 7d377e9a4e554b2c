/** Snapshots: which tree was saved of which paths, when and by whom (restic: doc/design.rst, "Snapshots"). */
import { goJsonString } from "./go-json.ts";
import { parseGoTime } from "./go-time.ts";
import type { Id } from "./id.ts";
import { JsonFields, parseJson } from "./json-fields.ts";
import { decodeSummary, encodeSummary, type SnapshotSummary } from "./snapshot-summary.ts";

/** What is stored in a snapshot file. */
export interface SnapshotFields {
  /** When it was taken, as Go writes times; it keeps the zone of the machine. */
  readonly time: string;
  /** The snapshot that this one was compared with. */
  readonly parent: Id | undefined;
  readonly tree: Id;
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly excludes: readonly string[];
  readonly tags: readonly string[];
  /** The snapshot from which this one was made by changing tags or the like. */
  readonly original: Id | undefined;
  readonly programVersion: string;
  readonly summary: SnapshotSummary | undefined;
  /** Fields of other programs; they are written again after the known ones. */
  readonly otherFields?: Readonly<Record<string, unknown>>;
}

/** A snapshot that was read. */
export interface Snapshot extends SnapshotFields {
  /** Its time in nanoseconds since 1970. */
  readonly timeNs: bigint;
}

const MAX_UINT32 = 0xffff_ffff;
const KNOWN = new Set(
  "time parent tree paths hostname username uid gid excludes tags original program_version summary".split(" "),
);

/** The JSON as restic writes it. */
export function encodeSnapshot(snapshot: SnapshotFields): Uint8Array {
  const fields = [`"time":${goJsonString(snapshot.time)}`];
  const add = (name: string, json: string, isEmpty: boolean): void => {
    if (!isEmpty) fields.push(`"${name}":${json}`);
  };
  const { parent, hostname, username, uid, gid, excludes, tags, original, programVersion, summary } = snapshot;
  add("parent", `"${parent}"`, parent === undefined);
  add("tree", `"${snapshot.tree}"`, false);
  add("paths", textsJson(snapshot.paths), false);
  add("hostname", goJsonString(hostname), hostname === "");
  add("username", goJsonString(username), username === "");
  add("uid", String(uid), uid === 0);
  add("gid", String(gid), gid === 0);
  add("excludes", textsJson(excludes), excludes.length === 0);
  add("tags", textsJson(tags), tags.length === 0);
  add("original", `"${original}"`, original === undefined);
  add("program_version", goJsonString(programVersion), programVersion === "");
  if (summary !== undefined) add("summary", encodeSummary(summary), false);
  for (const [name, value] of Object.entries(snapshot.otherFields ?? {})) {
    fields.push(`${goJsonString(name)}:${JSON.stringify(value)}`);
  }
  return Buffer.from(`{${fields.join(",")}}`);
}

/** Reads a snapshot. @throws ENGINE_MALFORMED */
export function decodeSnapshot(json: Uint8Array, what = "a snapshot"): Snapshot {
  const fields = new JsonFields(parseJson(json, what), what);
  const time = fields.text("time");
  const timeNs = parseGoTime(time);
  if (timeNs === undefined) throw fields.malformed(`"time" is not a time`);
  return {
    time,
    timeNs,
    parent: fields.optionalId("parent"),
    tree: fields.id("tree"),
    paths: fields.texts("paths"),
    hostname: fields.text("hostname", ""),
    username: fields.text("username", ""),
    uid: fields.integer("uid", { min: 0, max: MAX_UINT32 }, 0),
    gid: fields.integer("gid", { min: 0, max: MAX_UINT32 }, 0),
    excludes: fields.texts("excludes"),
    tags: fields.texts("tags"),
    original: fields.optionalId("original"),
    programVersion: fields.text("program_version", ""),
    summary: fields.has("summary") ? decodeSummary(fields.object("summary")) : undefined,
    otherFields: fields.others(KNOWN),
  };
}

function textsJson(texts: readonly string[]): string {
  return `[${texts.map(goJsonString).join(",")}]`;
}
