/** What PostgreSQL's programs say when they fail, as errors that say what to do. */
import { isHoldfastError } from "@holdfast/base";
import { sourcesError } from "../errors.ts";
import { connectionError } from "./connection.ts";

interface Known {
  readonly said: RegExp;
  readonly code: "SOURCES_RIGHTS" | "SOURCES_INTERRUPTED";
  readonly how: (role: string) => string;
}

const KNOWN: readonly Known[] = [
  {
    said: /row-level security/,
    code: "SOURCES_RIGHTS",
    how: (role) =>
      `Policies hide rows from it, and a dump without them would not be whole. As a superuser: ALTER ROLE "${role}" BYPASSRLS;`,
  },
  {
    said: /permission denied/,
    code: "SOURCES_RIGHTS",
    how: (role) =>
      `As a superuser: GRANT pg_read_all_data TO "${role}"; that does not cover large objects, which need GRANT SELECT ON LARGE OBJECT, or a superuser.`,
  },
  {
    said: /conflict with recovery/,
    code: "SOURCES_INTERRUPTED",
    how: () =>
      "The standby had to remove what the dump still read. Raise max_standby_streaming_delay there or set hot_standby_feedback, or capture from the primary.",
  },
  {
    said: /lock timeout/,
    code: "SOURCES_INTERRUPTED",
    how: () =>
      "Somebody holds a lock that nobody may read beside, as ALTER TABLE does. Try again later, or raise the setting lock-limit.",
  },
  {
    said: /administrator command|server closed the connection|connection to server was lost|crash of another server process/,
    code: "SOURCES_INTERRUPTED",
    how: () => "Its log says why. Nothing was stored; try again.",
  },
  {
    said: /snapshot .* does not exist|invalid snapshot identifier/,
    code: "SOURCES_INTERRUPTED",
    how: () => "The session that kept the state of the database was ended. Nothing was stored; try again.",
  },
];

/** The same failure as an error that says what to do, where it is known. @param role that we are */
export function explained(error: unknown, source: string, role: string): unknown {
  const refused = connectionError(error, source);
  if (refused !== error || !isHoldfastError(error, "SOURCES_TOOL_FAILED")) return refused;
  const reason = String(error.details["reason"]);
  if (/No space left on device|Disk quota exceeded/.test(reason)) {
    return sourcesError("SOURCES_NO_ROOM", { source, reason }, error);
  }
  const known = KNOWN.find(({ said }) => said.test(reason));
  if (known === undefined) return error;
  return sourcesError(known.code, { source, role: `the role ${role}`, reason, how: known.how(role) }, error);
}
