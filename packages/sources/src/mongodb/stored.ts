/** What a capture of a server of MongoDB holds. */
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { detailBy } from "../contract/facts.ts";

/** All databases, as mongodump archives them. */
export const ARCHIVE_FILE = "dump.archive";

const DETAIL = z.object({ oplog: z.boolean(), collections: z.record(z.string(), z.number()) });

/** @throws SOURCES_DAMAGED */
export function detailOf({ facts }: CapturedTree): z.infer<typeof DETAIL> {
  return detailBy(DETAIL, facts);
}
