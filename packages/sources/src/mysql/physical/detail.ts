/** What a restore of a physical capture needs to know, and what a proof compares with. */
import { z } from "zod";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { sourcesError } from "../../errors.ts";
import type { Version } from "../server/flavour.ts";
import { serverVersion } from "../server/flavour.ts";

/** The stream of mariadb-backup, in the capture. */
export const STREAM_FILE = "backup.xbstream";

const DETAIL = z.object({
  method: z.literal("physical"),
  lowerCaseNames: z.int().min(0).max(2),
  pageSizeBytes: z.int().positive(),
  sqlMode: z.string(),
  characterSet: z.string(),
  collation: z.string(),
  /** Tables that were there before and after, by database. */
  tables: z.record(z.string(), z.array(z.string())),
  files: z.int().positive(),
});

export type PhysicalDetail = z.infer<typeof DETAIL>;

/** @throws SOURCES_DAMAGED */
export function readPhysicalDetail({ facts }: CapturedTree): { detail: PhysicalDetail; version: Version } {
  const parsed = DETAIL.safeParse(facts.detail);
  const version = serverVersion(facts.server?.version ?? "");
  if (parsed.success && version !== undefined) return { detail: parsed.data, version };
  const reason = parsed.success ? "it does not say of which server it is" : z.prettifyError(parsed.error);
  throw sourcesError("SOURCES_DAMAGED", { what: "capture.json", reason });
}
