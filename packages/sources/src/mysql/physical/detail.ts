/** What a restore of a physical capture needs to know, and what a proof compares with. */
import { z } from "zod";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { detailBy } from "../../contract/facts.ts";
import { type Version, capturedVersion } from "../server/flavour.ts";

/** Where the server's files lie in the capture. */
export const FILES_FOLDER = "files";

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
  return { detail: detailBy(DETAIL, facts), version: capturedVersion(facts) };
}
