/** What a tool failed of, by the numbers that the server and its clients give their errors. */
import { isHoldfastError } from "@holdfast/base";
import { sourcesError } from "../../errors.ts";

/** In the words of the different tools: `ERROR 1045 (28000)`, `Got error: 1045: "…"`, `Error 2013: …`, `… (1044)`. */
const NUMBER = /\bERROR (\d{4})\b|\bGot error: (\d{4})\b|\bError:? (\d{4})\b|\((\d{4})\)/i;

/** Access denied, account locked, host not allowed, plugin of authentication absent, password expired. */
const REFUSED = new Set([1044, 1045, 1130, 1142, 1143, 1227, 1370, 1524, 1698, 1820, 1862, 3118, 4151]);
/** No such server, gone in the middle, too many connections, shutting down, connection killed, TLS. */
const OUT_OF_REACH = new Set([
  1040, 1053, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2005, 2006, 2013, 2026,
]);
/** Disk full; a table is full, which is the same for tables on disk. */
const FULL = new Set([1021, 1114]);
/** What the system says, in the words of tools that give no numbers of their own. */
const NO_ROOM = /No space left on device|Errcode: 28\b/;
/** Table definition has changed; no such table; no such database. */
const CHANGED = new Set([1412, 1146, 1049]);

/**
 * The error that says what is to be done; errors that are none of a tool's stay as they are.
 * @param during in a dump, what was listed a moment ago and is not there any more was changed in between
 */
export function explainFailure(error: unknown, source: string, during: "dump" | "else" = "else"): unknown {
  if (!isHoldfastError(error, "SOURCES_TOOL_FAILED")) return error;
  const reason = String(error.details["reason"]);
  const number = errorNumber(reason);
  if (NO_ROOM.test(reason) || FULL.has(number ?? 0)) return sourcesError("SOURCES_NO_ROOM", { source, reason }, error);
  if (number === undefined) return error;
  if (REFUSED.has(number)) return sourcesError("SOURCES_CREDENTIALS", { source, reason }, error);
  if (OUT_OF_REACH.has(number)) return sourcesError("SOURCES_UNREACHABLE", { source, reason }, error);
  if (during === "dump" && CHANGED.has(number)) {
    return sourcesError("SOURCES_STRUCTURE_CHANGED", { source, reason }, error);
  }
  return error;
}

/** The number of the first error in what a tool said; `undefined` when there is none. */
function errorNumber(said: string): number | undefined {
  const found = NUMBER.exec(said)
    ?.slice(1)
    .find((each) => each !== undefined);
  return found === undefined ? undefined : Number(found);
}
