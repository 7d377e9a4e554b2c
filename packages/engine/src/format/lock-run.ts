/**
 * A record of a run that extended the locks of what snapshots need (docs/format.md, "Runs that extend locks"). Decoding is strict:
 * what is not understood as a whole is not believed in part.
 */
import { goJsonString } from "./go-json.ts";
import { parseGoTime } from "./go-time.ts";
import { JsonFields, parseJson } from "./json-fields.ts";

/** What one run did. Times are milliseconds since 1970, by the clock of the machine that ran it. */
export interface LockRunFields {
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  readonly hostname: string;
  readonly programVersion: string;
  /** In how much time the next run is meant to come. */
  readonly everyMs: number;
  /** For how long locks were extended. */
  readonly forMs: number;
  readonly snapshots: number;
  /** Files that were looked at. */
  readonly files: number;
  readonly extended: number;
  /** Files that are needed and not locked now: they are gone, or could not be locked. */
  readonly failed: number;
  /** False when something was damaged, so that it was not known what is needed, and all was locked that is there. */
  readonly isExact: boolean;
  /** When the first of these locks ends; absent when nothing is locked. */
  readonly earliestMs?: number;
}

/** Most bytes of a record, sealed and decompressed. */
export const MAX_LOCK_RUN_BYTES = 64 * 1024;

const VERSION = 1;
const COUNTS = ["snapshots", "files", "extended", "failed"] as const;
const KNOWN: ReadonlySet<string> = new Set([
  "version",
  "began",
  "ended",
  "hostname",
  "program_version",
  "every_seconds",
  "for_seconds",
  "exact",
  "earliest",
  ...COUNTS,
]);
const MAX_COUNT = Number.MAX_SAFE_INTEGER;
/** A thousand years. */
const MAX_SECONDS = 31_556_952_000;

/** The JSON that is stored. */
export function encodeLockRun(fields: LockRunFields): Uint8Array {
  const { beganAtMs, endedAtMs, hostname, programVersion, everyMs, forMs, earliestMs, isExact } = fields;
  const instant = (ms: number): string => `"${new Date(ms).toISOString()}"`;
  const parts = [
    `"version":${VERSION}`,
    `"began":${instant(beganAtMs)}`,
    `"ended":${instant(endedAtMs)}`,
    `"hostname":${goJsonString(hostname)}`,
    `"program_version":${goJsonString(programVersion)}`,
    `"every_seconds":${Math.ceil(everyMs / 1000)}`,
    `"for_seconds":${Math.ceil(forMs / 1000)}`,
    ...COUNTS.map((name) => `"${name}":${fields[name]}`),
    `"exact":${isExact}`,
    ...(earliestMs === undefined ? [] : [`"earliest":${instant(earliestMs)}`]),
  ];
  return Buffer.from(`{${parts.join(",")}}`);
}

/** Reads a record. @throws ENGINE_MALFORMED, also for fields that are not known */
export function decodeLockRun(json: Uint8Array, what = "a record of locks"): LockRunFields {
  const fields = new JsonFields(parseJson(json, what), what);
  const version = fields.integer("version", { min: 1, max: MAX_COUNT });
  if (version !== VERSION) throw fields.malformed(`it is of version ${version}, which a newer Holdfast made`);
  const [unknown] = Object.keys(fields.others(KNOWN));
  if (unknown !== undefined) throw fields.malformed(`it has a field ${JSON.stringify(unknown)}, which is not known`);
  const count = (name: (typeof COUNTS)[number]): number => fields.integer(name, { min: 0, max: MAX_COUNT });
  const durationMs = (name: string): number => fields.integer(name, { min: 1, max: MAX_SECONDS }) * 1000;
  const [beganAtMs, endedAtMs] = [instantMs(fields, "began"), instantMs(fields, "ended")];
  if (endedAtMs < beganAtMs) throw fields.malformed("it ended before it began");
  return {
    beganAtMs,
    endedAtMs,
    hostname: fields.text("hostname"),
    programVersion: fields.text("program_version"),
    everyMs: durationMs("every_seconds"),
    forMs: durationMs("for_seconds"),
    snapshots: count("snapshots"),
    files: count("files"),
    extended: count("extended"),
    failed: count("failed"),
    isExact: fields.flag("exact"),
    ...(fields.has("earliest") ? { earliestMs: instantMs(fields, "earliest") } : {}),
  };
}

function instantMs(fields: JsonFields, name: string): number {
  const ns = parseGoTime(fields.text(name));
  if (ns === undefined) throw fields.malformed(`"${name}" is not a time`);
  return Number(ns / 1_000_000n);
}
