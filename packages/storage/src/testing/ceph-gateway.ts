/**
 * A real S3 server for tests: Ceph's object gateway with one monitor and one store in memory, on loopback, with all files in a
 * temporary folder. Starts in two seconds; knows versions and object lock.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort, hasProgram } from "./server-program.ts";

const run = promisify(execFile);
const PROGRAMS = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool"];

/** Whether Ceph is installed. */
export function hasCeph(): boolean {
  return PROGRAMS.every((program) => hasProgram(program));
}

/** Who may use the gateway. The first one owns what it makes. */
export interface GatewayUser {
  readonly name: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const OWNER: GatewayUser = { name: "owner", accessKeyId: "OWNERKEY", secretAccessKey: "owner-secret" };
export const OTHER: GatewayUser = { name: "other", accessKeyId: "OTHERKEY", secretAccessKey: "other-secret" };

export class CephGateway {
  readonly port: number;
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @param storageClasses that it is to have besides STANDARD; their objects are read at once like any other */
  static async start({
    storageClasses = [],
  }: { readonly storageClasses?: readonly string[] } = {}): Promise<CephGateway> {
    const gateway = new CephGateway(await mkdtemp(join(tmpdir(), "holdfast-ceph-")), await freePort());
    try {
      await gateway.#start(await freePort(), storageClasses);
      return gateway;
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  }

  /** Ends all of it; what it held is gone. */
  async stop(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Runs `radosgw-admin`, for what only an administrator may do. */
  async admin(...args: string[]): Promise<string> {
    return (await run("radosgw-admin", args, { env: this.#environment() })).stdout;
  }

  async #start(monitorPort: number, storageClasses: readonly string[]): Promise<void> {
    const folder = this.#folder;
    for (const name of ["mon", "osd/0", "run", "log"]) await mkdir(join(folder, name), { recursive: true });
    const cluster = randomUUID();
    await writeFile(join(folder, "ceph.conf"), configuration(folder, cluster, monitorPort, this.port));
    await this.#makeKeys();
    const monitors = ["--create", "--clobber", "--fsid", cluster, "--addv", "a", `[v2:127.0.0.1:${monitorPort}/0]`];
    await this.#run("monmaptool", ...monitors, join(folder, "monmap"));
    await this.#run(
      "ceph-mon",
      "--mkfs",
      "-i",
      "a",
      "--monmap",
      join(folder, "monmap"),
      "--keyring",
      join(folder, "keyring"),
    );
    this.#spawn("ceph-mon", "-i", "a", "-f");
    await until("the monitor", async () => (await this.#run("ceph", "--connect-timeout", "5", "-s")) !== "");
    const store = randomUUID();
    await this.#run("ceph", "osd", "new", store);
    await this.#run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store);
    this.#spawn("ceph-osd", "-i", "0", "-f");
    await until("the store", async () => (await this.#run("ceph", "osd", "stat")).includes("1 up"));
    await this.#addClasses(storageClasses);
    this.#spawn("radosgw", "-n", "client.rgw.x", "-f");
    await until("the gateway", async () => (await fetch(this.url)).ok);
    for (const { name, accessKeyId, secretAccessKey } of [OWNER, OTHER]) {
      const who = [
        `--uid=${name}`,
        `--display-name=${name}`,
        `--access-key=${accessKeyId}`,
        `--secret-key=${secretAccessKey}`,
      ];
      await this.admin("user", "create", ...who);
    }
  }

  async #addClasses(storageClasses: readonly string[]): Promise<void> {
    // The first command of another kind makes the zone.
    if (storageClasses.length > 0) await this.admin("user", "list");
    for (const name of storageClasses) {
      const where = ["--placement-id=default-placement", `--storage-class=${name}`];
      await this.admin("zonegroup", "placement", "add", "--rgw-zonegroup=default", ...where);
      await this.admin("zone", "placement", "add", "--rgw-zone=default", ...where, "--data-pool=default.rgw.cold.data");
    }
  }

  async #makeKeys(): Promise<void> {
    const keyring = join(this.#folder, "keyring");
    const add = (name: string, ...caps: [string, string][]): Promise<string> =>
      this.#run(
        "ceph-authtool",
        keyring,
        "--gen-key",
        "-n",
        name,
        ...caps.flatMap(([on, what]) => ["--cap", on, what]),
      );
    await this.#run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *");
    await add("client.admin", ["mon", "allow *"], ["osd", "allow *"], ["mgr", "allow *"]);
    await add("osd.0", ["mon", "allow profile osd"], ["osd", "allow *"], ["mgr", "allow profile osd"]);
    await add("client.rgw.x", ["mon", "allow rw"], ["osd", "allow rwx"], ["mgr", "allow rw"]);
  }

  async #run(program: string, ...args: string[]): Promise<string> {
    return (await run(program, args, { env: this.#environment(), timeout: 20_000 })).stdout;
  }

  #spawn(program: string, ...args: string[]): void {
    // A server that inherits a pipe would keep whoever reads it waiting.
    const log = openSync(join(this.#folder, "log", `${program}.out`), "a");
    this.#children.push(spawn(program, args, { env: this.#environment(), stdio: ["ignore", log, log] }));
    closeSync(log);
  }

  #environment(): NodeJS.ProcessEnv {
    return { ...process.env, CEPH_CONF: join(this.#folder, "ceph.conf") };
  }
}

async function until(what: string, isReady: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await isReady().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${what} did not start`);
    await sleep(100);
  }
}

function configuration(folder: string, cluster: string, monitorPort: number, port: number): string {
  return `[global]
fsid = ${cluster}
mon host = [v2:127.0.0.1:${monitorPort}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${folder}/keyring
run dir = ${folder}/run
admin socket = ${folder}/run/$name.$pid.asok
log file = ${folder}/log/$name.log
pid file = ${folder}/run/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
osd crush chooseleaf type = 0
[mon.a]
mon data = ${folder}/mon/a
mon data avail crit = 1
mon data avail warn = 2
paxos propose interval = 0.02
paxos min wait = 0.01
[osd]
osd data = ${folder}/osd/0
osd objectstore = memstore
memstore device bytes = 2147483648
osd memory target = 939524096
[client.rgw.x]
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw data = ${folder}/rgw
rgw enable apis = s3, admin
rgw thread pool size = 32
rgw run sync thread = false
rgw enable quota threads = false
rgw bucket quota ttl = 1
rgw user quota bucket sync interval = 1
`;
}
