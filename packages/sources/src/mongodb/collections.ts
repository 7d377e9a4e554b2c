/** Which collections a server has, and how many documents are in them. */
import { z } from "zod";
import type { CallOptions } from "../contract/source.ts";
import type { MongoClient } from "./mongo-client.ts";

/** `database.collection` to its number of documents; the server's own databases are left out. */
export type Collections = Readonly<Record<string, number>>;

const ANSWER = z.record(z.string(), z.number());
/** Counts come from the metadata of collections: exact, but after a crash of the server. */
const EXPRESSION = `(() => {
  const counts = {};
  for (const { name } of db.adminCommand({ listDatabases: 1, nameOnly: true }).databases) {
    if (["admin", "config", "local"].includes(name)) continue;
    const other = db.getSiblingDB(name);
    for (const { name: collection } of other.getCollectionInfos({ type: "collection" })) {
      if (!collection.startsWith("system.")) counts[name + "." + collection] = Number(other.getCollection(collection).estimatedDocumentCount());
    }
  }
  return counts;
})()`;

/** @throws as `MongoClient.ask` */
export async function collectionsOf(client: MongoClient, options: CallOptions): Promise<Collections> {
  return ANSWER.parse(await client.ask("admin", EXPRESSION, options));
}
