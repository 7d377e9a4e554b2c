/** What a base backup tells of itself, and what is read back from it. */
import { z } from "zod";
import { type StoredFacts, detailBy } from "../../contract/facts.ts";
import { sourcesError } from "../../errors.ts";
import { parseLsn } from "./wal-names.ts";

/** The folder of the capture that is a data folder. */
export const DATA = "data";
/** The folder of tablespaces, by oid. */
export const TABLESPACES = "tablespaces";
/** Files of the configuration that lie outside of the data folder. */
export const CONFIGURATION = "configuration";

const DETAIL = z.object({
  method: z.literal("physical"),
  superuser: z.string().min(1),
  databases: z.array(z.string()),
  needed: z.record(z.string().regex(/^[a-z_]+$/), z.string().regex(/^\d+$/)),
  tablespaces: z.array(z.object({ oid: z.string().regex(/^\d+$/), location: z.string() })),
  /** All files, in bytes. */
  sizeBytes: z.number().nonnegative(),
  /** When the first file was looked at; by the clock of the machine that made the capture. Milliseconds since 1970. */
  beganAtMs: z.number(),
});

export type PhysicalDetail = z.infer<typeof DETAIL>;

/** @throws SOURCES_DAMAGED */
export function physicalDetailOf(facts: Pick<StoredFacts, "detail">): PhysicalDetail {
  return detailBy(DETAIL, facts);
}

/** Names of what `position` has. */
export const POSITION = {
  stream: "system-identifier",
  timeline: "timeline",
  start: "start-lsn",
  stop: "stop-lsn",
  /** The first WAL segment that is not, or not whole, in the backup itself. */
  journalFrom: "journal-from",
} as const;

/** Where the captured state begins to be whole. @throws SOURCES_DAMAGED */
export function stopLsnOf({ position }: Pick<StoredFacts, "position">): bigint {
  const lsn = parseLsn(position[POSITION.stop] ?? "");
  if (lsn !== undefined) return lsn;
  throw sourcesError("SOURCES_DAMAGED", { what: "capture.json", reason: "it does not say where the backup ends" });
}
