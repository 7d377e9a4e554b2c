/** Brings the WAL that a recovery needs into a restored data folder, and tells the server up to where it goes. */
import { createWriteStream } from "node:fs";
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { StoredFacts } from "../../contract/facts.ts";
import type { JournalReach } from "../../contract/journal.ts";
import { type RecoveryTarget, recoveryTargetText } from "../../contract/recovery-target.ts";
import type { CallOptions, Recovery } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { POSITION, stopLsnOf } from "./physical-facts.ts";
import { walFormat, walReachOf } from "./wal-format.ts";
import { formatLsn, parseLsn, segmentNumber, timelineOf, walFileType } from "./wal-names.ts";

/** The folder in the data folder in which a restored server finds its WAL. No part of its own backups. */
export const WAL_FOLDER = "holdfast-wal";

/**
 * What an earlier recovery, or the life as a standby, may have left in the configuration: another target would end this recovery somewhere
 * else, or keep the server from starting, and the commands reach for what belongs to the original.
 */
const FORMER_RECOVERY: RecoverySettings = {
  recovery_target: "",
  recovery_target_name: "",
  recovery_target_time: "",
  recovery_target_xid: "",
  recovery_target_lsn: "",
  recovery_target_inclusive: "on",
  recovery_min_apply_delay: "0",
  recovery_end_command: "",
  archive_cleanup_command: "",
};

/** Settings of the server, by name. */
export type RecoverySettings = Readonly<Record<string, string>>;

/** Whether the state of a base backup can be brought to there: it is whole from its end on. */
export function physicalReaches(facts: StoredFacts, until: RecoveryTarget): boolean {
  if (until.kind === "time") return Date.parse(facts.consistentAt) <= until.atMs;
  if (until.kind !== "position") return true;
  const lsn = until.scheme === "lsn" ? parseLsn(until.text) : undefined;
  return lsn !== undefined && stopLsnOf(facts) <= lsn;
}

interface RecoveryParts {
  readonly facts: StoredFacts;
  readonly recovery: Recovery;
  /** A data folder that was restored. */
  readonly data: string;
  /** For messages. */
  readonly source: string;
}

/** What the server of a recovery is to be told, and where it has to arrive. */
export interface PreparedRecovery {
  readonly settings: RecoverySettings;
  /**
   * The place in the WAL that it must get to when it replays all there is; `undefined` where it ends earlier, or nothing is to be replayed.
   * A segment before the end: the last record may be incomplete.
   */
  readonly atLeast: bigint | undefined;
}

/**
 * Writes the WAL into the data folder, and `recovery.signal`.
 * @throws SOURCES_JOURNAL_GAP when the WAL does not lead there, as far as that can be told, SOURCES_UNSUPPORTED
 */
export async function prepareRecovery(
  { facts, recovery, data, source }: RecoveryParts,
  options: CallOptions,
): Promise<PreparedRecovery> {
  const { journal, until } = recovery;
  const need = walFormat.neededFrom(facts);
  const target = recoveryTargetText(until);
  const unreachable = (reason: string): Error => sourcesError("SOURCES_JOURNAL_GAP", { source, target, reason });
  if (need === undefined) throw unreachable("the snapshot is no base backup");
  const settings = targetSettings(until, source);
  if (!physicalReaches(facts, until)) {
    throw unreachable(
      `this snapshot shows ${facts.consistentAt}, LSN ${facts.position[POSITION.stop]}, which is later`,
    );
  }
  const { reach, end, segmentBytes } = await walReachOf(journal, need, options);
  requireReach(reach, { until, end: end?.lsn, unreachable });
  const folder = join(data, WAL_FOLDER);
  await mkdir(folder, { mode: 0o700 });
  const isAsked = ({ name }: { name: string }): boolean =>
    walFileType(name) !== undefined &&
    walFormat.isNeeded(name, need.from) &&
    (walFileType(name) === "history" ||
      end === undefined ||
      segmentNumber(name, segmentBytes) <= end.lsn / BigInt(segmentBytes));
  for (const { name } of (await journal.files(need.stream, options)).filter(isAsked)) {
    const content = walFormat.restored(journal.read(need.stream, name, options));
    await pipeline(Readable.from(content), createWriteStream(join(folder, name), { mode: 0o600 }), options);
  }
  await writeFile(join(data, "recovery.signal"), "", { mode: 0o600 });
  return {
    settings: {
      // The server runs it in the data folder.
      restore_command: `cp "${WAL_FOLDER}/%f" "%p"`,
      recovery_target_timeline: String(end?.timeline ?? timelineOf(need.from)),
      ...settings,
    },
    atLeast: until.kind === "latest" && end !== undefined ? end.lsn - BigInt(segmentBytes) : undefined,
  };
}

/** Adds settings to a data folder, in the file that is above the others; what an earlier recovery has left there no longer counts. */
export async function addSettings(data: string, settings: RecoverySettings, remark: string): Promise<void> {
  // In this order: an empty target after another one is taken for a second one.
  const former = Object.entries(FORMER_RECOVERY).filter(([name]) => !Object.hasOwn(settings, name));
  const lines = [...former, ...Object.entries(settings)].map(([name, value]) => `${name} = ${quoted(value)}`);
  await appendFile(join(data, "postgresql.auto.conf"), `\n# ${remark}\n${lines.join("\n")}\n`, { mode: 0o600 });
}

/** As configuration files have texts; these are no texts of SQL. */
function quoted(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Nothing of the copied server counts for a restored one. */
export async function removeLeftovers(data: string): Promise<void> {
  for (const name of ["recovery.signal", "standby.signal", "postmaster.pid", WAL_FOLDER])
    await rm(join(data, name), { recursive: true, force: true });
}

function targetSettings(until: RecoveryTarget, source: string): RecoverySettings {
  const action = { recovery_target_action: "promote" };
  if (until.kind === "latest") return {};
  if (until.kind === "time") return { ...action, recovery_target_time: serverTime(until.text) };
  const isName = until.kind === "name" && /^[^\p{Cc}]{1,63}$/u.test(until.name);
  if (until.kind === "name" && isName) return { ...action, recovery_target_name: until.name };
  const lsn = until.kind === "position" && until.scheme === "lsn" ? parseLsn(until.text) : undefined;
  if (lsn !== undefined) return { ...action, recovery_target_lsn: formatLsn(lsn) };
  const what = `bringing it to ${recoveryTargetText(until)}`;
  throw sourcesError("SOURCES_UNSUPPORTED", { source, what, reason: "PostgreSQL knows latest, times, name: and lsn:" });
}

/** The server takes a zone in numbers only, as its other names are not known when it reads this. */
function serverTime(text: string): string {
  return text.replace("T", " ").replace(/Z$/, "+00:00");
}

interface Required {
  readonly until: RecoveryTarget;
  readonly end: bigint | undefined;
  readonly unreachable: (reason: string) => Error;
}

/** What can be told ahead. Whether a time or a name is reached, the server finds out. */
function requireReach({ gaps, last }: JournalReach, { until, end, unreachable }: Required): void {
  const [gap] = gaps;
  if (last === undefined && gap !== undefined) throw unreachable(`${gap.first} to ${gap.last} is missing`);
  if (until.kind === "position" && end !== undefined && end < (parseLsn(until.text) ?? 0n)) {
    throw unreachable(`it ends at LSN ${formatLsn(end)}`);
  }
  if (gap === undefined || last === undefined) return;
  // Up to the gap everything is there; what lies behind it would be left out without a word.
  if (until.kind === "latest")
    throw unreachable(`${gap.first} to ${gap.last} is missing; ask for a time or a place before that`);
  if (until.kind === "time" && last.changedAtMs < until.atMs)
    throw unreachable(`${gap.first} to ${gap.last} is missing`);
}
