/** The repository server beside other servers of restic's protocol: uploads, downloads and lists of 1, 8 and 50 clients at once. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient, LoadFiles } from "./http-load.ts";
import { highWaterMiB, median, processorSeconds } from "./measure.ts";
import { TestAuthority } from "@holdfast/storage/testing";
import { type Server, servers } from "./servers.ts";

const MIB = 1024 * 1024;
const PACK_BYTES = 16 * MIB;
const SNAPSHOT_BYTES = 4096;
const LIST_V2 = "Accept: application/vnd.x.restic.rest.v2\r\n";

interface Sample {
  readonly perSecond: number;
  /** What the server itself used of the processor: less disturbed by what else the machine does than a rate is. */
  readonly cpuMicros: number;
  readonly peakMiB: number;
}

/** What one work gave, by server. */
type Samples = Map<string, Map<string, Sample[]>>;

export interface ServerOptions {
  readonly runs: number;
  readonly folder: string;
  readonly how: string;
  /** Of how many clients at once. */
  readonly clients: readonly number[];
  /** All of it over TLS. */
  readonly overTls: boolean;
}

/** Measures all servers in turn, and returns the section of the report. */
export async function serverSection({ runs, folder, how, clients, overTls }: ServerOptions): Promise<string> {
  const all = servers();
  const samples: Samples = new Map();
  const authority = overTls ? new TestAuthority() : undefined;
  for (let run = 0; run < runs; run++) {
    for (const server of all)
      await measureServer(server, { root: join(folder, "served"), clients, authority }, samples);
  }
  if (authority !== undefined) rmSync(authority.folder, { recursive: true });
  const others = all.slice(1).map(({ name }) => name);
  const columns = ["work", ...all.map(({ name }) => name), ...others.map((name) => `vs ${name}`)];
  return [
    ...all.map(({ name, version, does }) => `- ${name}: ${version}; ${does}`),
    `- ${how}${overTls ? ", over TLS" : ""}`,
    "",
    `| ${columns.join(" | ")} |`,
    `|${columns.map(() => "---|").join("")}`,
    ...[...samples].map(([work, ofWork]) =>
      lineOf(
        work,
        ofWork,
        all.map(({ name }) => name),
      ),
    ),
  ].join("\n");
}

function lineOf(work: string, ofWork: ReadonlyMap<string, readonly Sample[]>, names: readonly string[]): string {
  const unit = work.includes("16 MiB") ? "MiB/s" : "/s";
  const rate = (name: string): number => median((ofWork.get(name) ?? []).map(({ perSecond }) => perSecond));
  const cells = names.map((name) => {
    const peakMiB = Math.max(...(ofWork.get(name) ?? []).map((sample) => sample.peakMiB));
    const cpuMicros = median((ofWork.get(name) ?? []).map((sample) => sample.cpuMicros));
    return `${Math.round(rate(name))} ${unit}, ${Number(cpuMicros.toPrecision(2))} µs, ${Math.round(peakMiB)} MiB`;
  });
  const [own = "", ...others] = names;
  const ratios = others.map((name) => `${(rate(own) / rate(name)).toFixed(2)}×`);
  return `| ${[work, ...cells, ...ratios].join(" | ")} |`;
}

interface Setting {
  readonly root: string;
  readonly clients: readonly number[];
  readonly authority: TestAuthority | undefined;
}

async function measureServer(server: Server, { root, clients, authority }: Setting, samples: Samples): Promise<void> {
  mkdirSync(root);
  const port = await freePort();
  const signed = authority?.sign("server", "IP:127.0.0.1").file;
  const { program, args } = server.command(
    root,
    port,
    signed === undefined ? undefined : { cert: signed, key: signed },
  );
  const open = openTo(port, authority);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  try {
    await untilReady(open, child);
    const measured: Measured = async (work, units, run) => {
      const [started, before] = [performance.now(), processorSeconds(child.pid)];
      await run();
      const perSecond = (units * 1000) / (performance.now() - started);
      const cpuMicros = ((processorSeconds(child.pid) - before) * 1e6) / units;
      const sample = { perSecond, cpuMicros, peakMiB: highWaterMiB(child.pid) };
      const ofWork = samples.get(work) ?? new Map<string, Sample[]>();
      samples.set(work, ofWork);
      ofWork.set(server.name, [...(ofWork.get(server.name) ?? []), sample]);
      process.stderr.write(
        `${work}: ${server.name} ${perSecond.toFixed(0)} a second, ${cpuMicros.toFixed(1)} µs each, ${Math.round(sample.peakMiB)} MiB\n`,
      );
    };
    for (const count of clients) {
      await measureClients(open, count, measured);
      // Memory that was not used before costs a virtual machine several times as much as writing to it: whoever fills less is not to gain.
      for (const name of readdirSync(root))
        if (name.startsWith("clients-")) rmSync(join(root, name), { recursive: true });
    }
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    rmSync(root, { recursive: true, force: true });
  }
}

/** Takes the time of a work, which moves so many units. */
type Measured = (work: string, units: number, run: () => Promise<void>) => Promise<void>;

/** Each client has a repository of its own. What was uploaded is downloaded. */
async function measureClients(open: Open, count: number, measured: Measured): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, open));
  const at = (client: number): string => `/clients-${count}-${client}`;
  const suffix = `${count} ${count === 1 ? "client" : "clients"}`;
  for (const [n, client] of clients.entries()) await client.ask("POST", `${at(n)}/?create=true`);
  const packs = new LoadFiles(PACK_BYTES, `packs of ${count}`);
  const packCount = Math.max(48, count);
  const put = (folder: string, files: LoadFiles, total: number): Promise<void> =>
    inTurns(clients, total, (client, n, index) => {
      const file = files.file(index);
      return client.ask("POST", `${at(n)}/${folder}/${file.name}`, "", [files.prefix, file.suffix]);
    });
  const get = (folder: string, files: LoadFiles, total: number): Promise<void> =>
    inTurns(clients, total, (client, n, index) => client.ask("GET", `${at(n)}/${folder}/${files.file(index).name}`));
  const mib = (packCount * PACK_BYTES) / MIB;
  await measured(`put, packs of 16 MiB, ${suffix}`, mib, () => put("data", packs, packCount));
  await measured(`get, packs of 16 MiB, ${suffix}`, mib, () => get("data", packs, packCount));
  const small = new LoadFiles(SNAPSHOT_BYTES, `snapshots of ${count}`);
  const smallCount = 2000;
  await measured(`put, files of 4 KiB, ${suffix}`, smallCount, () => put("snapshots", small, smallCount));
  await measured(`get, files of 4 KiB, ${suffix}`, smallCount, () => get("snapshots", small, smallCount));
  const lists = Math.max(20, 2 * count);
  const list = (client: LoadClient, n: number): Promise<number> => client.ask("GET", `${at(n)}/snapshots/`, LIST_V2);
  const listed = (lists * smallCount) / count;
  await measured(`list, entries of version 2, ${suffix}`, listed, () => inTurns(clients, lists, list));
  for (const client of clients) client.close();
}

/** Each client does its share, one request after the other. */
async function inTurns(
  clients: readonly LoadClient[],
  total: number,
  ask: (client: LoadClient, n: number, index: number) => Promise<number>,
): Promise<void> {
  await Promise.all(
    clients.map(async (client, n) => {
      for (let index = n; index < total; index += clients.length) await ask(client, n, index);
    }),
  );
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

type Open = () => Promise<LoadClient>;

function openTo(port: number, authority: TestAuthority | undefined): Open {
  const pem = authority === undefined ? undefined : readFileSync(authority.file, "utf8");
  return () => LoadClient.open(port, pem);
}

async function untilReady(open: Open, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) break;
    const client = await open().catch(() => undefined);
    client?.close();
    if (client !== undefined) return;
    await sleep(50);
  }
  throw new Error("a server does not start");
}
