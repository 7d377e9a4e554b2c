/** Lock files: who works on the repository at present (restic: doc/design.rst, "Locks"). */
import { goJsonString } from "./go-json.ts";
import { parseGoTime } from "./go-time.ts";
import { JsonFields, parseJson } from "./json-fields.ts";

/** What a lock file holds. */
export interface LockFile {
  /** When it was made or last refreshed, as Go writes times. */
  readonly time: string;
  /** The same in nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const MAX_UINT32 = 0xffff_ffff;

/** The JSON as restic writes it; `time` is what is written, `timeNs` is not looked at. */
export function encodeLockFile(lock: LockFile): Uint8Array {
  let json = `{"time":${goJsonString(lock.time)},"exclusive":${lock.exclusive},`;
  json += `"hostname":${goJsonString(lock.hostname)},"username":${goJsonString(lock.username)},"pid":${lock.pid}`;
  if (lock.uid !== 0) json += `,"uid":${lock.uid}`;
  if (lock.gid !== 0) json += `,"gid":${lock.gid}`;
  return Buffer.from(`${json}}`);
}

/** Reads a lock file. @throws ENGINE_MALFORMED */
export function decodeLockFile(json: Uint8Array, what = "a lock file"): LockFile {
  const fields = new JsonFields(parseJson(json, what), what);
  const time = fields.text("time");
  const timeNs = parseGoTime(time);
  if (timeNs === undefined) throw fields.malformed(`"time" is not a time`);
  return {
    time,
    timeNs,
    exclusive: fields.flag("exclusive"),
    hostname: fields.text("hostname", ""),
    username: fields.text("username", ""),
    pid: fields.integer("pid", { min: 0, max: Number.MAX_SAFE_INTEGER }, 0),
    uid: fields.integer("uid", { min: 0, max: MAX_UINT32 }, 0),
    gid: fields.integer("gid", { min: 0, max: MAX_UINT32 }, 0),
  };
}
