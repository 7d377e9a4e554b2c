/** In what MariaDB and MySQL differ: names of programs, options, and how they say what they are. */
import type { StoredFacts } from "../../contract/facts.ts";
import { sourcesError } from "../../errors.ts";
import type { MysqlSettings } from "../settings.ts";

export type Product = "MariaDB" | "MySQL";

/** A program by the names that it has had, the newest first. */
export interface ToolNames {
  readonly names: readonly string[];
  /** What to do when none of them is there. */
  readonly how: string;
}

type Role = "client" | "dump" | "binlog" | "server" | "install" | "zones";

const MARIADB_CLIENT = "Install the package mariadb-client, or name its folder with the setting tools.";
const MARIADB_SERVER = "Install the package mariadb-server, or name its folder with the setting tools.";
const MYSQL_CLIENT = "Install MySQL's own client programs, or name their folder with the setting tools.";
const MYSQL_SERVER = "Install MySQL's server, or name its folder with the setting tools.";

const TOOLS: Readonly<Record<Product, Readonly<Record<Role, ToolNames>>>> = {
  MariaDB: {
    client: { names: ["mariadb", "mysql"], how: MARIADB_CLIENT },
    dump: { names: ["mariadb-dump", "mysqldump"], how: MARIADB_CLIENT },
    binlog: { names: ["mariadb-binlog", "mysqlbinlog"], how: MARIADB_SERVER },
    server: { names: ["mariadbd", "mysqld"], how: MARIADB_SERVER },
    install: { names: ["mariadb-install-db", "mysql_install_db"], how: MARIADB_SERVER },
    zones: { names: ["mariadb-tzinfo-to-sql", "mysql_tzinfo_to_sql"], how: MARIADB_SERVER },
  },
  MySQL: {
    client: { names: ["mysql"], how: MYSQL_CLIENT },
    dump: { names: ["mysqldump"], how: MYSQL_CLIENT },
    binlog: { names: ["mysqlbinlog"], how: MYSQL_CLIENT },
    server: { names: ["mysqld"], how: MYSQL_SERVER },
    install: { names: ["mysqld"], how: MYSQL_SERVER },
    zones: { names: ["mysql_tzinfo_to_sql"], how: MYSQL_SERVER },
  },
};

/** Only MariaDB has them. */
export const MARIADB_BACKUP: ToolNames = {
  names: ["mariadb-backup", "mariabackup"],
  how: "Install the package mariadb-backup, or use the method dump.",
};

export function toolFor(product: Product, role: Role): ToolNames {
  return TOOLS[product][role];
}

/** The client before it is known what the server is. */
export const ANY_CLIENT: ToolNames = {
  names: ["mariadb", "mysql"],
  how: "Install the package mariadb-client (or MySQL's own), or name its folder with the setting tools.",
};

export interface Version {
  readonly product: Product;
  readonly major: number;
  readonly minor: number;
  /** As it says itself. */
  readonly text: string;
}

/** What a server says as VERSION(). */
export function serverVersion(text: string): Version | undefined {
  return versionIn(text, text.includes("MariaDB"));
}

/** The server that a capture is of. @throws SOURCES_DAMAGED when it does not say */
export function capturedVersion({ server }: Pick<StoredFacts, "server">): Version {
  const version = serverVersion(server?.version ?? "");
  if (version !== undefined) return version;
  throw sourcesError("SOURCES_DAMAGED", { what: "capture.json", reason: "it does not say of which server it is" });
}

/** What a tool prints for --version: `… Ver 10.19 Distrib 10.11.6-MariaDB, …`, `… from 11.4.2-MariaDB, …`, `… Ver 8.0.36 for Linux …`. */
export function toolVersion(said: string): Version | undefined {
  const text =
    /(?:Distrib|from|server) (\d+\.\d+\.\d+\S*)/.exec(said)?.[1] ??
    /(?:Ver|version) (\d+\.\d+\.\d+\S*)/i.exec(said)?.[1];
  return text === undefined ? undefined : versionIn(text.replace(/,$/, ""), said.includes("MariaDB"));
}

function versionIn(text: string, isMariaDb: boolean): Version | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)\.\d+/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { product: isMariaDb ? "MariaDB" : "MySQL", major: Number(major), minor: Number(minor), text };
}

/** Negative when the first is older. Patch levels do not count: formats do not change with them. */
export function compareVersions(a: Version, b: Version): number {
  return a.major === b.major ? a.minor - b.minor : a.major - b.major;
}

/** Lines of an option file that encrypt a connection; a MariaDB client and one of MySQL say it in different words. */
export function tlsOptions(tls: MysqlSettings["tls"], product: Product): readonly (readonly [string, string])[] {
  if (tls === undefined) return [];
  const files = [
    ["ssl-ca", tls.ca],
    ["ssl-cert", tls.certificate],
    ["ssl-key", tls.key],
  ].filter((each): each is [string, string] => each[1] !== undefined);
  if (product === "MySQL") return [["ssl-mode", tls.verify ? "VERIFY_IDENTITY" : "REQUIRED"], ...files];
  return [["ssl", "1"], ["ssl-verify-server-cert", tls.verify ? "1" : "0"], ...files];
}
