/** What a capture of etcd holds. */
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { detailBy } from "../contract/facts.ts";

/** The snapshot, as etcdctl writes it: the database and its checksum. */
export const SNAPSHOT_FILE = "snapshot.db";

const DETAIL = z.object({
  revision: z.string(),
  "total-keys": z.string(),
  keys: z.number().optional(),
  hash: z.object({ hash: z.string(), compactRevision: z.string() }).optional(),
});

export type EtcdDetail = z.infer<typeof DETAIL>;

/** @throws SOURCES_DAMAGED */
export function detailOf({ facts }: CapturedTree): EtcdDetail {
  return detailBy(DETAIL, facts);
}
