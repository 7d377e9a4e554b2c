/** What a capture of a directory holds. */
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { detailBy } from "../contract/facts.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { type LdifEntry, parseLdif } from "./ldif.ts";

/** cn=config as slapcat gives it, with passwords of administrators. */
export const CONFIG_FILE = "config.ldif";

const DETAIL = z.object({
  databases: z
    .array(
      z.object({
        suffix: z.string().min(1),
        file: z.string().regex(/^database-\d+\.ldif$/),
        entries: z.int().nonnegative(),
      }),
    )
    .min(1),
});

export type StoredDatabase = z.infer<typeof DETAIL>["databases"][number];

/** @throws SOURCES_DAMAGED */
export function storedDatabases({ facts }: CapturedTree): readonly StoredDatabase[] {
  return detailBy(DETAIL, facts).databases;
}

/** @throws SOURCES_DAMAGED */
export async function storedConfig(captured: CapturedTree, options: CallOptions): Promise<LdifEntry[]> {
  const parts = await Array.fromAsync(captured.read(CONFIG_FILE, options));
  const config = parseLdif(Buffer.concat(parts).toString("utf8"));
  if (config[0]?.dn.toLowerCase() === "cn=config") return config;
  throw sourcesError("SOURCES_DAMAGED", { what: CONFIG_FILE, reason: "it does not begin with cn=config" });
}
