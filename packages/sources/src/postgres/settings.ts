/** What the configuration says of a source of kind `postgres`. */
import { z } from "zod";
import { restoreSettings } from "../contract/restore-settings.ts";
import { absolutePath, duration, secretReference } from "../contract/setting-types.ts";
import { proofQueries } from "../proofs/queries.ts";
import { databaseName, dumpSettings } from "./dump/dump-settings.ts";
import { physicalSettings } from "./physical/physical-settings.ts";

/** How the server is reached, and with which programs. Every method needs these. */
const connectionSettings = {
  host: z
    .string()
    .min(1)
    .optional()
    .describe("Name or address of the server, or the absolute path of the folder with its socket. Default: libpq's."),
  port: z.int().min(1).max(65535).default(5432).describe("The port; sockets have one, too."),
  user: z.string().min(1).optional().describe("The role to connect as. Default: that of `run-as`, or of the system."),
  password: secretReference.optional().describe("Where the role's password is."),
  database: z
    .string()
    .min(1)
    .default("postgres")
    .describe("The database to connect to for what concerns the whole cluster."),
  sslmode: z
    .enum(["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
    .optional()
    .describe("How much TLS is asked for; verify-full wherever the network is not trusted."),
  "ssl-root-certificate": absolutePath.optional().describe("The certificates that the server's is checked against."),
  "ssl-certificate": absolutePath.optional().describe("The certificate that this client shows."),
  "ssl-key": absolutePath.optional().describe("The key of that certificate."),
  "run-as": z
    .string()
    .min(1)
    .optional()
    .describe("The system's user that clients run as, so that `peer` lets them in; only root may become another."),
  tools: absolutePath
    .optional()
    .describe("The folder of psql, pg_dump and so on. Default: those that fit the server, as packages install them."),
  "server-binaries": absolutePath
    .optional()
    .describe("The folder of postgres and initdb for proofs. Default: that of `tools`, or as packages install them."),
  "server-user": z
    .string()
    .min(1)
    .default("postgres")
    .describe("The system's user that the server of a proof runs as when we are root."),
  preload: z
    .array(z.string().regex(/^[\w$./-]+$/, "give the name of a library"))
    .default([])
    .describe("Libraries that the server of a proof loads; none by default, as some begin to work on their own."),
  "start-limit": duration.prefault("5m").describe("How long the server of a proof may take to start."),
  queries: z.record(databaseName, proofQueries).default({}).describe("Questions to a restored copy, by database."),
};

const shape = {
  method: z.enum(["dump", "physical"]).default("dump").describe("How it is captured."),
  ...connectionSettings,
  ...dumpSettings,
  ...physicalSettings,
};

export const postgresSettings = z
  .strictObject(shape)
  .refine((settings) => settings["run-as"] === undefined || settings.password === undefined, {
    message: "with `run-as` there is no `password`: the system says who we are",
  });

export type PostgresSettings = z.infer<typeof postgresSettings>;

/**
 * The settings with others in the place of some.
 * @param changes as the configuration would have them
 * @param source for messages
 * @throws SOURCES_SETTINGS
 */
export function withChanges(
  settings: PostgresSettings,
  changes: Readonly<Record<string, unknown>>,
  source: string,
): PostgresSettings {
  const parsed: Readonly<Record<string, unknown>> = restoreSettings(z.strictObject(shape).partial(), changes, source);
  // What was not given has its default there.
  const given = Object.fromEntries(Object.keys(changes).map((name) => [name, parsed[name]]));
  return { ...settings, ...given };
}
