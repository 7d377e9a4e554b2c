/** A directory for tests, served on a local socket, and a process that writes to it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const SUFFIX = "dc=example,dc=org";
export const SECOND = "o=Second";
const ADMINISTRATOR = `gidNumber=${process.getgid?.()}+uidNumber=${process.getuid?.()},cn=peercred,cn=external,cn=auth`;
/** slapd and its tools lie where the PATH of ordinary users does not lead. */
const environment = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` };

const database = (number: number, suffix: string, directory: string): string => `
dn: olcDatabase={${number}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {${number}}mdb
olcDbDirectory: ${directory}
olcSuffix: ${suffix}
olcRootDN: ${ADMINISTRATOR}
olcAccess: {0}to * by * none
olcDbMaxSize: 104857600

dn: olcOverlay={0}syncprov,olcDatabase={${number}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: {0}syncprov
`;

export class TestLdap {
  readonly config: string;
  readonly url: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #writer: ChildProcess | undefined;

  /** @param folder with a short path @param config what there is already */
  constructor(folder: string, config?: string) {
    this.#folder = folder;
    this.config = config ?? join(folder, "slapd.d");
    this.url = `ldapi://${encodeURIComponent(join(folder, "s"))}`;
  }

  /** Makes it: people below one suffix, one entry below another, and between them a database that lies elsewhere. */
  make(people: number): void {
    for (const name of ["slapd.d", "one", "two"]) mkdirSync(join(this.#folder, name));
    const config = `dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: ${this.#folder}/pid

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: back_ldap
olcModuleLoad: syncprov

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif
${database(1, SUFFIX, join(this.#folder, "one"))}
dn: olcDatabase={2}ldap,cn=config
objectClass: olcDatabaseConfig
objectClass: olcLDAPConfig
olcDatabase: {2}ldap
olcSuffix: o=Elsewhere
olcDbURI: ldap://192.0.2.1
${database(3, SECOND, join(this.#folder, "two"))}`;
    this.#load(config, "-n", "0");
    let entries = `dn: ${SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n`;
    for (let n = 0; n < people; n++) {
      entries += `dn: cn=Person ${n},${SUFFIX}\nobjectClass: inetOrgPerson\ncn: Person ${n}\nsn: Ünal\ntitle: 0\ndescription: 0\n\n`;
    }
    this.#load(entries, "-q", "-w", "-b", SUFFIX);
    this.#load(`dn: ${SECOND}\nobjectClass: organization\no: Second\n`, "-q", "-w", "-b", SECOND);
  }

  async start(): Promise<void> {
    const log = openSync(join(this.#folder, "log"), "a");
    const args = ["-d", "0", "-F", this.config, "-h", this.url];
    this.#child = spawn("slapd", args, { stdio: ["ignore", log, log], env: environment });
    for (let n = 0; n < 200; n++) {
      try {
        this.search("", "base");
        return;
      } catch {
        await sleep(50);
      }
    }
    throw new Error("slapd does not start");
  }

  search(base: string, scope = "sub", ...more: string[]): string {
    const args = [
      "-Q",
      "-Y",
      "EXTERNAL",
      "-H",
      this.url,
      "-LLL",
      "-o",
      "ldif-wrap=no",
      "-b",
      base,
      "-s",
      scope,
      ...more,
    ];
    return execFileSync("ldapsearch", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  }

  /** Title and description of each person are always the same: one change sets both. */
  startWriter(): void {
    const writer = spawn("ldapmodify", ["-Q", "-Y", "EXTERNAL", "-H", this.url], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#writer = writer;
    writer.stdin.on("error", () => {});
    const feed = (n: number): void => {
      if (writer.exitCode !== null || writer.signalCode !== null) return;
      const change = `dn: cn=Person ${n % 50},${SUFFIX}\nchangetype: modify\nreplace: title\ntitle: ${n}\n-\nreplace: description\ndescription: ${n}\n\n`;
      writer.stdin.write(change, () => setImmediate(feed, n + 1));
    };
    feed(1);
  }

  async stop(): Promise<void> {
    for (const child of [this.#writer, this.#child]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }

  #load(ldif: string, ...args: string[]): void {
    const file = join(this.#folder, "load.ldif");
    writeFileSync(file, ldif);
    execFileSync("slapadd", ["-F", this.config, "-l", file, ...args], { env: environment, stdio: "pipe" });
  }
}
