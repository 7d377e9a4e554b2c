/** Proves a captured snapshot: a private cluster of one member is made of it, on the loopback address, and asked. */
import { join } from "node:path";
import { createServer } from "node:net";
import { once } from "node:events";
import { isHoldfastError } from "@holdfast/base";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import type { Programs } from "../programs/programs.ts";
import { StartedServer } from "../programs/started-server.ts";
import { type Seen, lookAt } from "../proofs/look-at.ts";
import { judgeAnswer } from "../proofs/queries.ts";
import { EtcdClient, type EtcdCredentials, etcdTool } from "./etcd-client.ts";
import { type EtcdSettings, etcdSettings } from "./settings.ts";
import { SnapshotTool } from "./snapshot-tool.ts";
import { type EtcdDetail, SNAPSHOT_FILE, detailOf } from "./stored.ts";

/** Another process may take a port between our look and the server's. */
const TRIES = 3;
const MEMBER = "proof";

export interface SnapshotProof extends ProveOptions {
  readonly programs: Programs;
  readonly settings: EtcdSettings;
  /** Users and their passwords are part of a snapshot: the copy asks for the same. */
  readonly credentials: EtcdCredentials | undefined;
}

export async function proveSnapshot(captured: CapturedTree, proof: SnapshotProof): Promise<ProofReport> {
  const { programs, settings, scratch, signal, onStep } = proof;
  const beganMs = performance.now();
  const detail = detailOf(captured);
  await programs.require(etcdTool(settings, "etcd"), "Install the package etcd-server.");
  const tool = await SnapshotTool.find(programs, settings);
  onStep("restoring to a temporary folder");
  await captured.extract(SNAPSHOT_FILE, scratch, { signal });
  const file = join(scratch, SNAPSHOT_FILE);
  const peerUrl = "http://127.0.0.1:1";
  onStep("examining the snapshot");
  const checks: ProofCheck[] = [
    await lookAt("the snapshot is whole", { signal }, async () => {
      const status = await tool.status(file, { signal });
      const passed = status.revision === detail.revision && status.totalKey === detail["total-keys"];
      return { passed, detail: `revision ${status.revision}, ${status.totalKey} keys with their history` };
    }),
    await lookAt("a data folder can be made of it", { signal }, async () => {
      const data = join(scratch, "data");
      // The same revisions as captured, so that checksums can be compared.
      const restore = {
        file,
        data,
        member: MEMBER,
        peerUrl,
        initialCluster: undefined,
        token: "proof",
        revisionBump: 0,
      };
      await tool.restore({ ...restore, signal });
      return { passed: true, detail: "made by etcd's own tool" };
    }),
  ];
  if (checks.some(({ passed }) => !passed)) return { checks, usableAfterMs: undefined };
  onStep("starting a server on it");
  let server: StartedServer | undefined;
  try {
    let client: EtcdClient | undefined;
    checks.push(
      await lookAt("a server starts on it", { signal }, async () => {
        [server, client] = await start(proof, peerUrl);
        return { passed: true, detail: `version ${(await client.status({ signal })).version}` };
      }),
    );
    if (client === undefined) return { checks, usableAfterMs: undefined };
    const usableAfterMs = performance.now() - beganMs;
    const asked = client;
    checks.push(await lookAt("keys and checksum", { signal }, () => compare(asked, detail, { signal })));
    for (const query of settings.queries) checks.push(await ask(asked, query, proof));
    return { checks, usableAfterMs };
  } finally {
    await server?.end();
  }
}

function ask(
  client: EtcdClient,
  { key, expect }: EtcdSettings["queries"][number],
  proof: SnapshotProof,
): Promise<ProofCheck> {
  proof.onStep(`reading ${key}`);
  return lookAt(key, proof, async () =>
    judgeAnswer(expect === undefined ? key : { sql: key, expect }, await client.get(key, proof)),
  );
}

async function start(proof: SnapshotProof, peerUrl: string): Promise<[StartedServer, EtcdClient]> {
  for (let tried = 1; ; tried++) {
    try {
      return await startOn(await freePort(), proof, peerUrl);
    } catch (error) {
      if (tried >= TRIES || !isHoldfastError(error) || !error.message.includes("address already in use")) throw error;
    }
  }
}

async function startOn(
  port: number,
  { programs, settings, credentials, scratch, signal }: SnapshotProof,
  peerUrl: string,
): Promise<[StartedServer, EtcdClient]> {
  const url = `http://127.0.0.1:${port}`;
  const { tools } = settings;
  const client = new EtcdClient(programs, etcdSettings.parse({ tools }), { endpoint: url, credentials });
  const server = await StartedServer.start(
    programs,
    {
      tool: etcdTool(settings, "etcd"),
      args: [
        `--name=${MEMBER}`,
        `--data-dir=${join(scratch, "data")}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        // Alone, it needs no way to others: a socket in the scratch folder, whose name etcd derives from an address.
        "--listen-peer-urls=unix://localhost:0",
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=${MEMBER}=${peerUrl}`,
      ],
      folder: scratch,
      log: join(scratch, "proof.log"),
      isReady: async (options) => (await client.status(options)).revision !== "",
      readyWithinMs: settings["start-limit"],
      setting: "start-limit",
    },
    { signal },
  );
  return [server, client];
}

async function compare(client: EtcdClient, detail: EtcdDetail, options: CallOptions): Promise<Seen> {
  const [status, keys] = [await client.status(options), await client.keyCount(options)];
  const hash = await client.hash(detail.revision, options);
  const problems: string[] = [];
  if (status.revision !== detail.revision)
    problems.push(`revision ${status.revision}, where ${detail.revision} was captured`);
  if (detail.keys !== undefined && keys !== detail.keys)
    problems.push(`${keys} keys, where the server had ${detail.keys}`);
  // Checksums cover what lies between two revisions, so that only those of the same two can be compared.
  const isComparable = hash !== undefined && hash.compactRevision === detail.hash?.compactRevision;
  if (isComparable && hash.hash !== detail.hash?.hash)
    problems.push(`checksum ${hash.hash}, where the server had ${detail.hash?.hash}`);
  const shown = `revision ${status.revision}, ${keys} keys, ${isComparable ? "same checksum as the server had" : "no checksum to compare"}`;
  return { passed: problems.length === 0, detail: problems.length > 0 ? problems.join("; ") : shown };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
