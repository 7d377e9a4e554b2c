/** What a restore of a dump needs to know of the server that it came from. */
import { z } from "zod";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { detailBy } from "../../contract/facts.ts";
import type { Inventory } from "../server/inventory.ts";
import type { MysqlSettings } from "../settings.ts";
import type { ServerFacts } from "../server/server-facts.ts";

const DETAIL = z.object({
  method: z.literal("dump"),
  /** All databases of the server, so that its journal can be replayed. */
  isWhole: z.boolean(),
  /** In the order in which they were dumped. */
  databases: z.array(z.string().min(1)).min(1),
  lowerCaseNames: z.int().min(0).max(2),
  pageSizeBytes: z.int().positive(),
  sqlMode: z.string(),
  characterSet: z.string(),
  collation: z.string(),
  /** Some event needs the time zones of the system to be loaded. */
  needsTimeZones: z.boolean(),
  /** Former rows of versioned tables are counted too. */
  withHistory: z.boolean(),
  /** Tables that were not read under the snapshot, nor locked. */
  notConsistent: z.array(z.string()),
});

export type DumpDetail = z.infer<typeof DETAIL>;

interface Dumped {
  readonly server: ServerFacts;
  readonly inventory: Inventory;
  readonly withHistory: boolean;
  readonly settings: Pick<MysqlSettings, "databases" | "exclude-databases" | "lock-tables">;
}

export function dumpDetail({ server, inventory, withHistory, settings }: Dumped): DumpDetail {
  const contents = [...inventory];
  return {
    method: "dump",
    isWhole: settings.databases === undefined && settings["exclude-databases"].length === 0,
    databases: contents.map(([name]) => name),
    lowerCaseNames: server.lowerCaseNames,
    pageSizeBytes: server.pageSizeBytes,
    sqlMode: server.sqlMode,
    characterSet: server.characterSet,
    collation: server.collation,
    needsTimeZones: contents.some(([, { hasNamedTimeZone }]) => hasNamedTimeZone),
    withHistory,
    notConsistent:
      settings["lock-tables"] === true
        ? []
        : contents.flatMap(([name, content]) => content.notTransactional.map((table) => `${name}.${table}`)),
  };
}

/** @throws SOURCES_DAMAGED */
export function readDumpDetail({ facts }: CapturedTree): DumpDetail {
  return detailBy(DETAIL, facts);
}
