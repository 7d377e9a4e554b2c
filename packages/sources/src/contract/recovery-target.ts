/** Up to where a journal is replayed after a restore. */
import { sourcesError } from "../errors.ts";

export type RecoveryTarget =
  /** As far as the journal goes. */
  | { readonly kind: "latest" }
  /** `text` is ISO 8601 with a zone, as it was given: it may be more exact than milliseconds. */
  | { readonly kind: "time"; readonly text: string; readonly atMs: number }
  /** What a person has named in the journal, such as a restore point. */
  | { readonly kind: "name"; readonly name: string }
  /** A place in the workload's own terms: an LSN, a GTID. */
  | { readonly kind: "position"; readonly scheme: string; readonly text: string };

const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?) ?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})$/i;
const PREFIXED = /^([a-z][a-z0-9-]*):(.+)$/s;

/**
 * Reads `latest`, a time with its zone (`2026-11-29T06:00:00+01:00`), `name:NAME`, or a place with its scheme (`lsn:0/3000028`).
 * @throws SOURCES_TARGET_UNCLEAR
 */
export function parseRecoveryTarget(text: string): RecoveryTarget {
  if (text === "latest") return { kind: "latest" };
  const time = TIME.exec(text);
  if (time !== null) return timeTarget(text, time as unknown as readonly [string, string, string, string]);
  const prefixed = PREFIXED.exec(text);
  if (prefixed === null || /^\d/.test(text)) throw unclear(text);
  const [, scheme = "", rest = ""] = prefixed;
  return scheme === "name" ? { kind: "name", name: rest } : { kind: "position", scheme, text: rest };
}

function timeTarget(text: string, [, day, clock, zone]: readonly [string, string, string, string]): RecoveryTarget {
  const withMinutes = /^[+-]\d{2}$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
  const exact = `${day}T${clock}${withMinutes.toUpperCase()}`;
  const atMs = Date.parse(exact);
  if (Number.isNaN(atMs)) throw unclear(text);
  return { kind: "time", text: exact, atMs };
}

/** As it would be typed. */
export function recoveryTargetText(target: RecoveryTarget): string {
  if (target.kind === "latest") return "latest";
  if (target.kind === "time") return target.text;
  return target.kind === "name" ? `name:${target.name}` : `${target.scheme}:${target.text}`;
}

function unclear(text: string): Error {
  return sourcesError("SOURCES_TARGET_UNCLEAR", { text });
}
