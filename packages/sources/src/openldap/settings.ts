/** What the configuration says of a source of kind `openldap`. */
import { z } from "zod";
import { absolutePath, duration } from "../contract/setting-types.ts";

const dn = z.string().regex(/^[^\s=,-][^\n=]*=[^\n]+$/, "give a distinguished name such as dc=example,dc=org");

const query = z.strictObject({
  base: dn.describe("Where it begins."),
  filter: z
    .string()
    .startsWith("(", "give a filter such as (uid=*)")
    .default("(objectClass=*)")
    .describe("What is counted."),
  expect: z.int().nonnegative().optional().describe("How many entries there must be; else at least one."),
});

export const openldapSettings = z.strictObject({
  config: absolutePath
    .default("/etc/ldap/slapd.d")
    .describe("The folder of cn=config (slapd.d), or the file slapd.conf."),
  suffixes: z
    .array(dn)
    .default([])
    .describe(
      "Databases to capture, by their suffixes. Default: all that the configuration has on this machine's disk.",
    ),
  tools: absolutePath
    .optional()
    .describe("The folder of slapcat, slapadd and slapd. Default: where packages install them."),
  data: absolutePath
    .optional()
    .describe("An empty folder that the form `data` fills: slapd.d, and a folder of data for each suffix."),
  "may-be-empty": z.boolean().default(false).describe("A database without any entry is no failure."),
  "time-limit": duration.prefault("6h").describe("How long the capture may take."),
  "start-limit": duration.prefault("5m").describe("How long the server of a proof may take to start."),
  queries: z.array(query).default([]).describe("Searches in a restored copy, by how many entries they find."),
});

export type OpenldapSettings = z.infer<typeof openldapSettings>;
