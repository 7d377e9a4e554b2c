/**
 * What is known of a capture, and how it is kept: as the file `capture.json` beside the captured entries, so that it goes along with
 * the snapshot into every copy, also one that restic makes.
 */
import { z } from "zod";
import { storedJson, storedValue } from "./stored-value.ts";

/** The name of the file, in the folder of the capture. */
export const FACTS_FILE = "capture.json";
/** The largest file that is read as facts. */
export const MAX_FACTS_BYTES = 16 * 1024 * 1024;
const VERSION = 1;

const FACTS = z.object({
  version: z.literal(VERSION),
  kind: z.string().min(1),
  name: z.string().min(1),
  hostname: z.string(),
  /** When the state was what the capture shows; ISO 8601, UTC. */
  consistentAt: z.iso.datetime(),
  consistency: z.enum(["application", "file-system", "crash", "none"]),
  /** Programs that made it, with their versions. */
  tools: z.record(z.string(), z.string()),
  /** What was captured: `{ product: "PostgreSQL", version: "15.20" }`. */
  server: z.object({ product: z.string(), version: z.string() }).optional(),
  /** Where in its journal that was: LSN, GTID, revision, by name. */
  position: z.record(z.string(), z.string()),
  /** What the kind needs for a restore. */
  detail: z.record(z.string(), z.unknown()),
});

/** What a capture tells. */
export interface CaptureFacts extends Omit<z.infer<typeof FACTS>, "version" | "kind" | "name" | "hostname"> {}

/** What stands in a snapshot. */
export type StoredFacts = z.infer<typeof FACTS>;

/** How consistent a capture is. */
export type Consistency = StoredFacts["consistency"];

/** The bytes of the file: one line a field, so that two of them can be compared by eye. */
export function encodeFacts(facts: Omit<StoredFacts, "version">): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: VERSION, ...facts }, null, 2)}\n`);
}

/** @throws SOURCES_DAMAGED */
export function decodeFacts(bytes: Uint8Array): StoredFacts {
  return storedJson(FACTS, bytes, FACTS_FILE);
}

/** What the kind has noted for a restore. @throws SOURCES_DAMAGED when it has another shape */
export function detailBy<T>(schema: z.ZodType<T>, { detail }: Pick<StoredFacts, "detail">): T {
  return storedValue(schema, detail, FACTS_FILE);
}
