/** What a capture of a Redis server holds. */
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { detailBy } from "../contract/facts.ts";

/** All data, in the server's own format. */
export const DUMP_FILE = "dump.rdb";
/** Users and their rights, as the server's `aclfile` has them. */
export const ACL_FILE = "users.acl";

const counts = z.record(z.string().regex(/^\d+$/), z.number());
const DETAIL = z.object({
  config: z.record(z.string(), z.string()),
  modules: z.array(z.string()),
  keys: z.object({ before: counts, after: counts }),
});

export type RedisDetail = z.infer<typeof DETAIL>;

/** @throws SOURCES_DAMAGED */
export function detailOf({ facts }: CapturedTree): RedisDetail {
  return detailBy(DETAIL, facts);
}
