/** What the configuration says of a source of kind `mongodb`. */
import { z } from "zod";
import { absolutePath, duration, secretReference, size } from "../contract/setting-types.ts";

const query = z.strictObject({
  database: z.string().min(1).describe("The database that it is asked of."),
  expression: z
    .string()
    .min(1)
    .describe("An expression of mongosh, such as `db.orders.countDocuments()`; its value is the answer."),
  expect: z
    .union([z.string(), z.number(), z.boolean()])
    .optional()
    .describe("The answer; else anything but nothing, 0 and false."),
});

export const mongodbSettings = z.strictObject({
  experimental: z
    .literal(true, "say `experimental: true`: this kind was never run against a server, so prove what it captures")
    .describe("Must be true: whoever uses this kind has to know that it was never run against a server."),
  host: z
    .string()
    .regex(/^[\w.:[\]-]+$/, "give a name or an address")
    .default("127.0.0.1")
    .describe("Name or address of a member, best of a secondary."),
  port: z.int().min(1).max(65535).default(27017).describe("Its port."),
  user: z
    .string()
    .min(1)
    .optional()
    .describe("An account with the roles backup and clusterMonitor; restore to restore."),
  password: secretReference.optional().describe("Where its password is."),
  "auth-database": z.string().min(1).default("admin").describe("The database that the account belongs to."),
  tls: z
    .strictObject({
      ca: absolutePath.optional().describe("The certificates that the server's is checked against."),
      "certificate-and-key": absolutePath.optional().describe("The certificate that this client shows, with its key."),
    })
    .optional()
    .describe("Speak TLS."),
  oplog: z
    .boolean()
    .default(true)
    .describe("Also store what is written meanwhile, so that all is of one moment. Only members of a replica set can."),
  tools: absolutePath.optional().describe("The folder of mongodump, mongorestore and mongosh."),
  "server-binaries": absolutePath.optional().describe("The folder of the mongod that a proof starts."),
  "minimum-size": size.default(200).describe("A dump that is smaller is taken for a failure."),
  "time-limit": duration.prefault("12h").describe("How long the capture may take."),
  "start-limit": duration.prefault("5m").describe("How long the server of a proof may take to start."),
  queries: z.array(query).default([]).describe("Questions to a restored copy."),
});

export type MongodbSettings = z.infer<typeof mongodbSettings>;

/** Which server, and who asks: what a restore may set. */
export const serverSettings = mongodbSettings.pick({
  host: true,
  port: true,
  user: true,
  password: true,
  tls: true,
  tools: true,
  "auth-database": true,
});

export type ServerSettings = z.infer<typeof serverSettings>;
