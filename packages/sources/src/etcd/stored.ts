/** What a capture of etcd holds. */
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { sourcesError } from "../errors.ts";

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
  const parsed = DETAIL.safeParse(facts.detail);
  if (parsed.success) return parsed.data;
  throw sourcesError("SOURCES_DAMAGED", { what: "capture.json", reason: z.prettifyError(parsed.error) });
}
