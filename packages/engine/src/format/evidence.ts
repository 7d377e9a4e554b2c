/**
 * Evidence: what one run found out about snapshots. A kind of document of Holdfast's own (docs/format.md, "Evidence"). Decoding
 * is strict: what is not understood as a whole is not believed in part.
 */
import { goJsonString } from "./go-json.ts";
import { parseGoTime } from "./go-time.ts";
import type { Id } from "./id.ts";
import { JsonFields, parseJson } from "./json-fields.ts";

/** A snapshot, and the tree that it had: another snapshot may be made of it that has the same. */
export interface EvidenceSubject {
  readonly snapshot: Id;
  readonly tree: Id;
}

/**
 * What can be found out about a snapshot:
 * - `proven`: all that it needs was read, and is as its hashes say
 * - `damaged`: something that it needs is lost or damaged
 * - `incomplete`: something that should be in it never was, as it could not be read
 */
export type Verdict = "proven" | "damaged" | "incomplete";

/** The kinds of runs that find out something. */
export type EvidenceRun = "backup" | "check" | "restore" | "copy" | "rewrite" | "repair" | "prove";

/** What is stored in a record of evidence. */
export interface EvidenceFields extends Readonly<Record<Verdict, readonly EvidenceSubject[]>> {
  readonly run: EvidenceRun;
  /** When the run began to look, in milliseconds since 1970: damage that came later it may not have seen. */
  readonly beganAtMs: number;
  /** When it had found out what it found out: damage was there by then. */
  readonly endedAtMs: number;
  readonly hostname: string;
  readonly programVersion: string;
}

/** Most snapshots in one record. */
export const MAX_SUBJECTS = 10_000;

/** Most bytes of a record, sealed and decompressed: twice what the most snapshots take. */
export const MAX_EVIDENCE_BYTES = 4 * 1024 * 1024;

const VERSION = 1;
const VERDICTS: readonly Verdict[] = ["proven", "damaged", "incomplete"];
/** What a run of each kind can find out. */
const VERDICTS_OF: Readonly<Record<EvidenceRun, readonly Verdict[]>> = {
  backup: ["incomplete"],
  check: ["proven", "damaged"],
  restore: ["proven", "damaged"],
  copy: ["incomplete"],
  rewrite: ["incomplete"],
  repair: ["incomplete"],
  prove: ["proven", "damaged"],
};
const KNOWN = new Set<string>(["version", "run", "began", "ended", "hostname", "program_version", ...VERDICTS]);
const KNOWN_OF_SUBJECT = new Set(["snapshot", "tree"]);

/** The JSON that is stored. */
export function encodeEvidence(fields: EvidenceFields): Uint8Array {
  const { run, hostname, programVersion } = fields;
  const [began, ended] = [fields.beganAtMs, fields.endedAtMs].map((ms) => new Date(ms).toISOString());
  let json = `{"version":${VERSION},"run":"${run}","began":"${began}","ended":"${ended}",`;
  json += `"hostname":${goJsonString(hostname)},"program_version":${goJsonString(programVersion)}`;
  for (const verdict of VERDICTS) {
    if (fields[verdict].length === 0) continue;
    json += `,"${verdict}":[${fields[verdict].map(subjectJson).join(",")}]`;
  }
  return Buffer.from(`${json}}`);
}

/** Reads a record. @throws ENGINE_MALFORMED, also for fields that are not known */
export function decodeEvidence(json: Uint8Array, what = "a record of evidence"): EvidenceFields {
  const fields = new JsonFields(parseJson(json, what), what);
  const version = fields.integer("version", { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (version !== VERSION) throw fields.malformed(`it is of version ${version}, which a newer Holdfast made`);
  requireKnown(fields, KNOWN);
  const run = fields.text("run");
  if (!isRun(run)) throw fields.malformed(`"run" is no kind of run that is known`);
  const [beganAtMs, endedAtMs] = [instantMs(fields, "began"), instantMs(fields, "ended")];
  if (endedAtMs < beganAtMs) throw fields.malformed("it ended before it began");
  const found = {
    proven: subjects(fields, "proven"),
    damaged: subjects(fields, "damaged"),
    incomplete: subjects(fields, "incomplete"),
  };
  const alien = VERDICTS.find((verdict) => found[verdict].length > 0 && !VERDICTS_OF[run].includes(verdict));
  if (alien !== undefined) throw fields.malformed(`a ${run} cannot find out what is ${alien}`);
  const count = VERDICTS.reduce((sum, verdict) => sum + found[verdict].length, 0);
  if (count === 0 || count > MAX_SUBJECTS) throw fields.malformed(`it names ${count} snapshots`);
  return {
    run,
    beganAtMs,
    endedAtMs,
    hostname: fields.text("hostname"),
    programVersion: fields.text("program_version"),
    ...found,
  };
}

function isRun(text: string): text is EvidenceRun {
  return Object.hasOwn(VERDICTS_OF, text);
}

function instantMs(fields: JsonFields, name: string): number {
  const ns = parseGoTime(fields.text(name));
  if (ns === undefined) throw fields.malformed(`"${name}" is not a time`);
  return Number(ns / 1_000_000n);
}

function subjects(fields: JsonFields, name: Verdict): EvidenceSubject[] {
  return fields.objects(name).map((subject) => {
    requireKnown(subject, KNOWN_OF_SUBJECT);
    return { snapshot: subject.id("snapshot"), tree: subject.id("tree") };
  });
}

function requireKnown(fields: JsonFields, known: ReadonlySet<string>): void {
  const [unknown] = Object.keys(fields.others(known));
  if (unknown !== undefined) throw fields.malformed(`it has a field ${JSON.stringify(unknown)}, which is not known`);
}

function subjectJson({ snapshot, tree }: EvidenceSubject): string {
  return `{"snapshot":"${snapshot}","tree":"${tree}"}`;
}
