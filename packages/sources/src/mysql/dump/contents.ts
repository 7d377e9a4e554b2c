/** What a dump holds, as it is kept beside it: with this, a restored copy is compared. */
import { z } from "zod";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { storedJson } from "../../contract/stored-value.ts";
import { CONTENTS_FILE } from "./names.ts";

const count = z.int().nonnegative();

const CONTENTS = z.object({
  version: z.literal(1),
  databases: z.array(
    z.object({
      name: z.string().min(1),
      /** Rows of each table, as they went by in the dump. */
      tables: z.record(z.string(), count),
      /** Absent in captures from before they were compared. */
      sequences: z.array(z.string()).optional(),
      views: z.array(z.string()),
      /** Views that did not work when they were dumped. */
      brokenViews: z.array(z.string()),
      /** Absent when they changed during the dump. */
      routines: count.optional(),
      triggers: count.optional(),
      events: count.optional(),
    }),
  ),
  accounts: z.array(z.string()),
  /** What a server must take at once to load it; absent in captures from before it was looked at. */
  largestStatementBytes: count.optional(),
});

export type Contents = z.infer<typeof CONTENTS>;
export type DatabaseContents = Contents["databases"][number];

export function encodeContents(contents: Omit<Contents, "version">): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, ...contents }, null, 1)}\n`);
}

/** @throws SOURCES_DAMAGED */
export async function readContents(captured: CapturedTree, options: CallOptions): Promise<Contents> {
  const parts: Uint8Array[] = [];
  for await (const part of captured.read(CONTENTS_FILE, options)) parts.push(part);
  return storedJson(CONTENTS, Buffer.concat(parts), CONTENTS_FILE);
}
