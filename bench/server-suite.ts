/** The repository server beside other servers of restic's protocol: uploads, downloads and lists of 1, 8 and 50 clients at once. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient, LoadFiles } from "./http-load.ts";
import { highWaterMiB, median } from "./measure.ts";
import { type Server, servers } from "./servers.ts";

const CLIENTS = [1, 8, 50] as const;
const MIB = 1024 * 1024;
const PACK_BYTES = 16 * MIB;
const SNAPSHOT_BYTES = 4096;
const LIST_V2 = "Accept: application/vnd.x.restic.rest.v2\r\n";

interface Sample {
  readonly perSecond: number;
  readonly peakMiB: number;
}

/** What one work gave, by server. */
type Samples = Map<string, Map<string, Sample[]>>;

/** Measures all servers in turn, and returns the section of the report. */
export async function serverSection(options: { runs: number; folder: string; how: string }): Promise<string> {
  const { runs, folder, how } = options;
  const all = servers();
  const samples: Samples = new Map();
  for (let run = 0; run < runs; run++) {
    for (const server of all) await measureServer(server, join(folder, "served"), samples);
  }
  const others = all.slice(1).map(({ name }) => name);
  const columns = ["work", ...all.map(({ name }) => name), ...others.map((name) => `vs ${name}`)];
  return [
    ...all.map(({ name, version, does }) => `- ${name}: ${version}; ${does}`),
    `- ${how}`,
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
    return `${Math.round(rate(name))} ${unit}, ${Math.round(peakMiB)} MiB`;
  });
  const [own = "", ...others] = names;
  const ratios = others.map((name) => `${(rate(own) / rate(name)).toFixed(2)}×`);
  return `| ${[work, ...cells, ...ratios].join(" | ")} |`;
}

async function measureServer(server: Server, root: string, samples: Samples): Promise<void> {
  mkdirSync(root);
  const port = await freePort();
  const { program, args } = server.command(root, port);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  try {
    await untilReady(port, child);
    const note = (work: string, perSecond: number): void => {
      const sample = { perSecond, peakMiB: highWaterMiB(child.pid) };
      const ofWork = samples.get(work) ?? new Map<string, Sample[]>();
      samples.set(work, ofWork);
      ofWork.set(server.name, [...(ofWork.get(server.name) ?? []), sample]);
      process.stderr.write(
        `${work}: ${server.name} ${perSecond.toFixed(0)} a second, ${Math.round(sample.peakMiB)} MiB\n`,
      );
    };
    for (const clients of CLIENTS) await measureClients(port, clients, note);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    rmSync(root, { recursive: true, force: true });
  }
}

/** Each client has a repository of its own. What was uploaded is downloaded. */
async function measureClients(
  port: number,
  count: number,
  note: (work: string, perSecond: number) => void,
): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => LoadClient.open(port)));
  const at = (client: number): string => `/clients-${count}-${client}`;
  const suffix = `${count} ${count === 1 ? "client" : "clients"}`;
  for (const [n, client] of clients.entries()) await client.ask("POST", `${at(n)}/?create=true`);
  const packs = new LoadFiles(PACK_BYTES, `packs of ${count}`);
  const packCount = Math.max(48, count);
  const put = (folder: string, files: LoadFiles, total: number): Promise<number> =>
    timed(clients, total, (client, n, index) => {
      const file = files.file(index);
      return client.ask("POST", `${at(n)}/${folder}/${file.name}`, "", [files.prefix, file.suffix]);
    });
  const get = (folder: string, files: LoadFiles, total: number): Promise<number> =>
    timed(clients, total, (client, n, index) => client.ask("GET", `${at(n)}/${folder}/${files.file(index).name}`));
  const perPack = PACK_BYTES / MIB;
  note(`put, packs of 16 MiB, ${suffix}`, perPack * (await put("data", packs, packCount)));
  note(`get, packs of 16 MiB, ${suffix}`, perPack * (await get("data", packs, packCount)));
  const small = new LoadFiles(SNAPSHOT_BYTES, `snapshots of ${count}`);
  const smallCount = 2000;
  note(`put, files of 4 KiB, ${suffix}`, await put("snapshots", small, smallCount));
  note(`get, files of 4 KiB, ${suffix}`, await get("snapshots", small, smallCount));
  const listed = smallCount / count;
  const lists = Math.max(20, 2 * count);
  const list = (client: LoadClient, n: number): Promise<number> => client.ask("GET", `${at(n)}/snapshots/`, LIST_V2);
  note(`list, entries of version 2, ${suffix}`, listed * (await timed(clients, lists, list)));
  for (const client of clients) client.close();
}

/** How many requests a second, when each client does its share one after the other. */
async function timed(
  clients: readonly LoadClient[],
  total: number,
  ask: (client: LoadClient, n: number, index: number) => Promise<number>,
): Promise<number> {
  const started = performance.now();
  await Promise.all(
    clients.map(async (client, n) => {
      for (let index = n; index < total; index += clients.length) await ask(client, n, index);
    }),
  );
  return (total * 1000) / (performance.now() - started);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

async function untilReady(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) break;
    const client = await LoadClient.open(port).catch(() => undefined);
    client?.close();
    if (client !== undefined) return;
    await sleep(50);
  }
  throw new Error("a server does not start");
}
