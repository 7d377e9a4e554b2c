/** What etcd's tools print as JSON. */
import { z } from "zod";

/** Identifiers have up to 64 bits, more than numbers of JavaScript hold exactly; they are kept as texts. */
function parse<T>(schema: z.ZodType<T>, text: string): T {
  // Long numbers that stand for themselves, not within a text.
  return schema.parse(JSON.parse(text.replaceAll(/([:[])(-?\d{9,})(?=[,}\]])/g, '$1"$2"')));
}

const number = z.union([z.number(), z.string()]).transform(String);
const header = z.object({ cluster_id: number, member_id: number, revision: number.default("0") });

const status = z.tuple([z.object({ Status: z.object({ header, version: z.string(), dbSize: number }) })]);
const hash = z.tuple([z.object({ HashKV: z.object({ hash: number, compact_revision: number.optional() }) })]);
const range = z.object({
  count: number.optional(),
  kvs: z.array(z.object({ value: z.string().optional() })).optional(),
});
const snapshot = z.object({ hash: number, revision: number, totalKey: number, totalSize: number });

export type SnapshotStatus = z.infer<typeof snapshot>;

export const parsedAnswer = {
  status: (text: string) => parse(status, text)[0],
  hash: (text: string) => parse(hash, text)[0],
  range: (text: string) => parse(range, text),
  snapshot: (text: string) => parse(snapshot, text),
};
