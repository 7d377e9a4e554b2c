/** What the configuration says of a source of kind `mysql`, and what a restore may say instead. */
import { z } from "zod";
import { restoreSettings } from "../contract/restore-settings.ts";
import { absolutePath, duration, secretReference } from "../contract/setting-types.ts";
import { proofQueries } from "../proofs/queries.ts";

const databaseName = z
  .string()
  .min(1)
  .max(64, "a name has at most 64 characters")
  .refine((name) => !/[\0\n]/.test(name), "a name has no NUL and no line break");

const systemUserName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "give the name of a user of the system");

/** Where the server is, and who we are there. */
const connectionFields = {
  socket: absolutePath.optional().describe("The server's socket (default: the client's own, unless a host is named)."),
  host: z.string().min(1).optional().describe("A server that is reached over the network."),
  port: z.int().min(1).max(65_535).optional().describe("Its port (default: 3306)."),
  user: z.string().min(1).max(128).optional().describe("The account (default: the name of the system's user)."),
  password: secretReference.optional().describe("Its password; none for authentication by the socket."),
  tls: z
    .strictObject({
      ca: absolutePath.optional().describe("Certificates of the authorities to trust; default: those of the system."),
      certificate: absolutePath.optional().describe("Our own certificate, where the server asks for one."),
      key: absolutePath.optional().describe("Its key."),
      verify: z.boolean().default(true).describe("Whether the server's certificate must be valid for its name."),
    })
    .optional()
    .describe("Encrypts the connection; without it, the client does what it does by itself."),
} as const;

const databases = z
  .array(databaseName)
  .min(1)
  .optional()
  .describe("Which databases (default: all but the server's own).");

type Address = {
  readonly socket?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
};
const hasOnePlace = ({ socket, host }: Address): boolean => socket === undefined || host === undefined;
const ONE_PLACE = { message: "give `socket` or `host`, not both", path: ["socket"] };
const hasHostForPort = ({ host, port }: Address): boolean => port === undefined || host !== undefined;
const HOST_FOR_PORT = { message: "a port needs a `host`", path: ["port"] };

export const mysqlSettings = z
  .strictObject({
    method: z
      .enum(["dump", "physical"])
      .default("dump")
      .describe(
        "`dump`: SQL, by mariadb-dump or mysqldump, for any server. `physical`: the files of a MariaDB server on this machine, by mariadb-backup.",
      ),
    ...connectionFields,
    "run-as": systemUserName
      .optional()
      .describe("The system's user as whom tools run when Holdfast runs as root, for authentication by the socket."),
    "server-user": systemUserName
      .default("mysql")
      .describe("The system's user that the server of a proof runs as when Holdfast runs as root."),
    tools: absolutePath
      .optional()
      .describe("The folder with the client tools and servers, where PATH does not lead to them."),
    databases,
    "exclude-databases": z.array(databaseName).default([]).describe("Databases that are left out."),
    users: z.boolean().default(true).describe("Whether accounts, roles and grants are stored (method `dump`)."),
    "lock-tables": z
      .boolean()
      .optional()
      .describe(
        "Locks all tables against writing while they are dumped, so that MyISAM and other tables without transactions are consistent too; `false` accepts that they are not (method `dump`).",
      ),
    queries: z
      .record(databaseName, proofQueries)
      .default({})
      .describe("Queries that a restored copy must answer, by the database that they are for."),
    journal: z
      .strictObject({
        "keep-all": z
          .boolean()
          .default(false)
          .describe("Keeps binary logs in the repository also when no snapshot of this source needs them any more."),
        "partial-every": duration
          .prefault("10s")
          .describe("How often the log that is being written is stored by `journal follow`."),
      })
      .prefault({})
      .describe("The binary logs, for restores to a point in time."),
    "start-limit": duration.prefault("5m").describe("How long the server of a proof may take to start."),
  })
  .refine(hasOnePlace, ONE_PLACE)
  .refine(hasHostForPort, HOST_FOR_PORT)
  .refine(
    ({ method, databases: named, "exclude-databases": excluded }) =>
      method === "dump" || (named === undefined && excluded.length === 0),
    { message: "the method `physical` stores the whole server; databases are chosen with `dump`", path: ["databases"] },
  );

export type MysqlSettings = z.infer<typeof mysqlSettings>;
export type ConnectionSettings = Pick<MysqlSettings, keyof typeof connectionFields>;

const restoreFields = z
  .strictObject({ ...connectionFields, databases })
  .refine(hasOnePlace, ONE_PLACE)
  .refine(hasHostForPort, HOST_FOR_PORT);

/** Where a restore goes to, and which databases it brings back. */
export type RestoreTarget = ConnectionSettings & Pick<MysqlSettings, "databases">;

/**
 * The settings of the source with those of a restore in their place. A server that is named by the restore is another one altogether.
 * @throws SOURCES_SETTINGS
 */
export function restoreTarget(
  settings: MysqlSettings,
  given: Readonly<Record<string, unknown>> | undefined,
  source: string,
): RestoreTarget {
  const changed = restoreSettings(restoreFields, given, source);
  const { socket, host, port, user, password, tls } = settings;
  const isElsewhere = changed.socket !== undefined || changed.host !== undefined;
  // A password belongs to the account that it was given for.
  const own = changed.user === undefined ? { user, password, tls } : { tls };
  return { ...own, ...(isElsewhere ? {} : { socket, host, port }), ...changed };
}
