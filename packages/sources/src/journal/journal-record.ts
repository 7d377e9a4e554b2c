/** What a journal snapshot says of itself: the file `journal.json` beside the streams. */
import { z } from "zod";
import { storedJson } from "../contract/stored-value.ts";

/** The name of the file, in the folder of the journal. */
export const RECORD_FILE = "journal.json";
/** The largest file that is read as a record: a hundred thousand snapshots. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const VERSION = 1;

const id = z.string().regex(/^[0-9a-f]{64}$/);
const need = z.object({ stream: z.string().min(1), from: z.string().min(1) });

const RECORD = z.object({
  version: z.literal(VERSION),
  kind: z.string().min(1),
  name: z.string().min(1),
  hostname: z.string(),
  /** Until when the journal was known to have everything that the workload had written down; ISO 8601, UTC. */
  currentAt: z.iso.datetime(),
  /** Snapshots of this journal whose files this one has as well. Those that were not there any more are not named. */
  includes: z.array(id),
  /** From where on each capture of the source that was in the repository needs the journal. */
  captures: z.record(id, need.nullable()),
  /** What was left out: all that none of these needs. Empty when nothing was. */
  keptFrom: z.array(need),
});

/** What stands in a journal snapshot. */
export type JournalRecord = z.infer<typeof RECORD>;

/** The bytes of the file. */
export function encodeJournalRecord(record: Omit<JournalRecord, "version">): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: VERSION, ...record })}\n`);
}

/** @throws SOURCES_DAMAGED */
export function decodeJournalRecord(bytes: Uint8Array): JournalRecord {
  return storedJson(RECORD, bytes, RECORD_FILE);
}
