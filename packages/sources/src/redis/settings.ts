/** What the configuration says of a source of kind `redis`. */
import { z } from "zod";
import { absolutePath, duration, secretReference } from "../contract/setting-types.ts";

const query = z.strictObject({
  command: z
    .array(z.string())
    .min(1)
    .refine(([first = ""]) => /^[A-Za-z]/.test(first), "begin with the name of a command, such as GET")
    .describe("A command of Redis and its arguments, a word each."),
  database: z.int().nonnegative().default(0).describe("The number of the database."),
  expect: z
    .union([z.string(), z.number(), z.boolean()])
    .optional()
    .describe("The answer; else anything but nothing and 0."),
});

export const redisSettings = z.strictObject({
  host: z
    .string()
    .regex(/^[^-\s]\S*$/, "give a name or an address")
    .default("127.0.0.1")
    .describe("Name or address of the server."),
  port: z.int().min(1).max(65535).default(6379).describe("Its port."),
  socket: absolutePath.optional().describe("Its Unix socket, instead of host and port."),
  user: z.string().min(1).optional().describe("The ACL user; it needs +psync +sync +info +config|get +acl|list +ping."),
  password: secretReference.optional().describe("Where the password is."),
  tls: z
    .strictObject({
      ca: absolutePath
        .optional()
        .describe("The certificates that the server's is checked against. Default: the system's."),
      certificate: absolutePath.optional().describe("The certificate that this client shows."),
      key: absolutePath.optional().describe("The key of that certificate."),
      "server-name": z.string().min(1).optional().describe("The name that is asked for."),
    })
    .optional()
    .describe("Speak TLS; `{}` will do for a server with a certificate that the system knows."),
  product: z
    .enum(["redis", "valkey"])
    .default("redis")
    .describe("Whose programs are used: redis-cli or valkey-cli, and so on."),
  tools: absolutePath
    .optional()
    .describe("The folder of these programs. Default: where the system looks for programs."),
  "one-shard": z
    .boolean()
    .default(false)
    .describe("Says that this is known to be one shard of a cluster; else that is a warning."),
  acl: z.boolean().default(true).describe("Also store users and their rights, with the hashes of their passwords."),
  data: absolutePath.optional().describe("The server's data folder: where the form `data` puts the dump."),
  dump: z
    .string()
    .regex(/^[^/\0]{1,255}$/, "give a file name without slashes")
    .default("dump.rdb")
    .describe("The name that the server gives its dump (dbfilename)."),
  modules: z
    .array(absolutePath)
    .default([])
    .describe("Modules that the server of a proof loads, as far as data needs them."),
  "time-limit": duration.prefault("6h").describe("How long the capture may take."),
  "start-limit": duration.prefault("10m").describe("How long the server of a proof may take to load the data."),
  queries: z.array(query).default([]).describe("Commands to a restored copy."),
});

export type RedisSettings = z.infer<typeof redisSettings>;
export type RedisQuery = RedisSettings["queries"][number];
