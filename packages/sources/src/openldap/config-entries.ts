/** What the configuration of a directory (cn=config) says of its databases, and how it is changed for another place. */
import { type LdifEntry, type LdifLine, isNamed, sameName, valuesOf } from "./ldif.ts";

export interface LdapDatabase {
  readonly suffix: string;
  /** `mdb`. */
  readonly backend: string;
  readonly directory: string;
}

/** Those with data of their own on this machine. */
export function databasesOf(config: readonly LdifEntry[]): LdapDatabase[] {
  return config.flatMap((entry) => {
    const [suffix] = valuesOf(entry, "olcSuffix");
    const [directory] = valuesOf(entry, "olcDbDirectory");
    if (suffix === undefined || directory === undefined) return [];
    return [{ suffix, directory, backend: (valuesOf(entry, "olcDatabase")[0] ?? "").replace(/^\{-?\d+\}/, "") }];
  });
}

/** The same configuration with the data of each suffix in another folder. */
export function withDirectories(config: readonly LdifEntry[], directories: ReadonlyMap<string, string>): LdifEntry[] {
  return config.map((entry) => {
    const [suffix] = valuesOf(entry, "olcSuffix");
    const directory = suffix === undefined ? undefined : directories.get(sameName(suffix));
    if (directory === undefined) return entry;
    return { ...entry, lines: changed(entry.lines, { olcDbDirectory: directory }) };
  });
}

/** What would reach out to others, or needs what is not here: certificates, files of the running server, rules for its clients. */
const LEFT_OUT = [
  "olcPidFile",
  "olcArgsFile",
  "olcLogFile",
  "olcSecurity",
  "olcRequires",
  "olcDisallows",
  "olcAuthzRegexp",
  "olcReferral",
  "olcSyncrepl",
  "olcUpdateRef",
  "olcMirrorMode",
  "olcMultiProvider",
  "olcRootPW",
  "olcServerID",
];

/**
 * The same configuration for a server that is alone, and whose administrator we are: databases that have no data here are left
 * out, as are replication and certificates.
 * @param administrator the name that the system gives us on a local socket
 */
export function forProof(
  config: readonly LdifEntry[],
  directories: ReadonlyMap<string, string>,
  administrator: string,
): LdifEntry[] {
  const kept = config.filter((entry) => isKept(entry, config, directories));
  const names = renumbered(kept);
  return withDirectories(kept, directories).map(({ dn, lines }) => {
    const isDatabase = /^olcdatabase=/i.test(dn) && lines.some((line) => isNamed(line, "olcSuffix"));
    const fewer = lines.filter(
      ({ name }) => !LEFT_OUT.some((each) => isNamed({ name, value: "" }, each)) && !/^olcTLS/i.test(name),
    );
    const ours = isDatabase ? changed(fewer, { olcRootDN: administrator }) : fewer;
    const newDn = [...names].reduce((name, [from, to]) => name.replace(from, to), dn);
    return {
      dn: newDn,
      lines: ours.map((line) =>
        isNamed(line, "olcDatabase")
          ? { ...line, value: names.get(`olcDatabase=${line.value}`)?.slice(12) ?? line.value }
          : line,
      ),
    };
  });
}

function isKept(entry: LdifEntry, config: readonly LdifEntry[], directories: ReadonlyMap<string, string>): boolean {
  const database = /(?:^|,)(olcDatabase=\{(-?\d+)\}[^,]*)/i.exec(entry.dn);
  // Of the server itself, such as schema and modules; and what all databases have in common.
  if (database === null || Number(database[2]) <= 0) return true;
  if (/^olcOverlay=\{\d+\}(chain|pcache|translucent|remoteauth)/i.test(entry.dn)) return false;
  const of = config.find(({ dn }) => dn.toLowerCase().startsWith(`${String(database[1])},`.toLowerCase()));
  const suffix = of === undefined ? undefined : valuesOf(of, "olcSuffix")[0];
  return suffix !== undefined && directories.has(sameName(suffix));
}

/** Their numbers must have no gaps. */
function renumbered(config: readonly LdifEntry[]): Map<string, string> {
  const names = config.flatMap(({ lines }) =>
    lines.filter((line) => isNamed(line, "olcDatabase")).map(({ value }) => value),
  );
  const own = names.filter((name) => /^\{[1-9]\d*\}/.test(name));
  return new Map(
    own.map((name, at) => [`olcDatabase=${name}`, `olcDatabase=${name.replace(/^\{\d+\}/, `{${at + 1}}`)}`]),
  );
}

function changed(lines: readonly LdifLine[], values: Readonly<Record<string, string>>): LdifLine[] {
  const others = lines.filter((line) => !Object.keys(values).some((name) => isNamed(line, name)));
  return [...others, ...Object.entries(values).map(([name, value]) => ({ name, value }))];
}
