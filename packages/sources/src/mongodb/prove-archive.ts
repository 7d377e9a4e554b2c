/** Proves an archive: a private server takes it, examines each collection, and is asked. It listens on nothing but a socket. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import type { Programs } from "../programs/programs.ts";
import { StartedServer } from "../programs/started-server.ts";
import { type Seen, lookAt } from "../proofs/look-at.ts";
import { type Answer, judgeAnswer } from "../proofs/queries.ts";
import { type Collections, collectionsOf } from "./collections.ts";
import { MongoClient, socketAddress } from "./mongo-client.ts";
import type { MongodbSettings } from "./settings.ts";
import { ARCHIVE_FILE, detailOf } from "./stored.ts";

/** So many that are not as they should be are named. */
const MAX_SHOWN = 5;
const INVALID = z.array(z.string());
const VALIDATE = `(() => {
  const invalid = [];
  for (const { name } of db.adminCommand({ listDatabases: 1, nameOnly: true }).databases) {
    const other = db.getSiblingDB(name);
    for (const { name: collection } of other.getCollectionInfos({ type: "collection" })) {
      if (!other.getCollection(collection).validate({ full: true }).valid) invalid.push(name + "." + collection);
    }
  }
  return invalid;
})()`;

export interface ArchiveProof extends ProveOptions {
  readonly programs: Programs;
  readonly settings: MongodbSettings;
  /** A folder with a short path. */
  readonly temporary: string;
}

export async function proveArchive(captured: CapturedTree, proof: ArchiveProof): Promise<ProofReport> {
  const { programs, settings, temporary, signal, onStep } = proof;
  const beganMs = performance.now();
  const { oplog, collections } = detailOf(captured);
  const folder = await mkdtemp(join(temporary, "mongodb-"));
  const socket = join(folder, "s.sock");
  const client = new MongoClient(programs, settings, socketAddress(socket), temporary);
  let server: StartedServer | undefined;
  try {
    server = await startEmpty(proof, { folder, socket, client });
    onStep("restoring into it");
    const taken = await lookAt("a server takes it", { signal }, async () => {
      const input = captured.read(ARCHIVE_FILE, { signal });
      const args = ["--archive", ...(oplog ? ["--oplogReplay"] : [])];
      for await (const _ of client.run("mongorestore", args, { signal, input })) signal.throwIfAborted();
      return { passed: true, detail: "mongorestore ended without a failure" };
    });
    if (!taken.passed) return { checks: [taken], usableAfterMs: undefined };
    const usableAfterMs = performance.now() - beganMs;
    return { checks: [taken, ...(await examine(proof, client, collections))], usableAfterMs };
  } finally {
    await server?.end();
    await rm(folder, { recursive: true, force: true });
  }
}

async function startEmpty(
  { programs, settings, scratch, signal, onStep }: ArchiveProof,
  { folder, socket, client }: { folder: string; socket: string; client: MongoClient },
): Promise<StartedServer> {
  const binaries = settings["server-binaries"];
  const data = join(scratch, "data");
  await mkdir(data, { mode: 0o700 });
  onStep("starting an empty server");
  const call = {
    tool: binaries === undefined ? "mongod" : join(binaries, "mongod"),
    how: "Install MongoDB's server, or name its folder with the setting server-binaries.",
    args: [`--dbpath=${data}`, `--bind_ip=${socket}`, "--quiet"],
    log: join(folder, "log"),
    isReady: async (options: CallOptions) =>
      (await client.ask("admin", "db.hello().isWritablePrimary", options)) === true,
    readyWithinMs: settings["start-limit"],
    setting: "start-limit",
  };
  return StartedServer.start(programs, call, { signal });
}

async function examine(
  { settings, signal, onStep }: ArchiveProof,
  client: MongoClient,
  collections: Collections,
): Promise<ProofCheck[]> {
  onStep("examining every collection");
  const checks = [
    await lookAt("every collection is valid", { signal }, async () => {
      const invalid = INVALID.parse(await client.ask("admin", VALIDATE, { signal }));
      const detail = invalid.length === 0 ? "validate: ok" : invalid.slice(0, MAX_SHOWN).join(", ");
      return { passed: invalid.length === 0, detail };
    }),
    await lookAt("the collections are there", { signal }, async () =>
      compare(collections, await collectionsOf(client, { signal })),
    ),
  ];
  for (const { database, expression, expect } of settings.queries) {
    onStep(`asking ${expression}`);
    const asked = expect === undefined ? expression : { sql: expression, expect };
    checks.push(
      await lookAt(expression, { signal }, async () => {
        const value = await client.ask(database, expression, { signal });
        return judgeAnswer(asked, answerOf(value));
      }),
    );
  }
  return checks;
}

function answerOf(value: unknown): Answer {
  const isPlain = value === null || ["string", "number", "boolean"].includes(typeof value);
  return isPlain ? (value as Answer) : JSON.stringify(value);
}

/** Documents may have come and gone while it was captured; collections that were there are expected. */
function compare(before: Collections, restored: Collections): Seen {
  const missing = Object.keys(before).filter((name) => !(name in restored));
  const emptied = Object.keys(before).filter((name) => (before[name] ?? 0) > 0 && restored[name] === 0);
  const sum = (counts: Collections): number => Object.values(counts).reduce((total, count) => total + count, 0);
  const wrong = [...missing.map((name) => `${name} is missing`), ...emptied.map((name) => `${name} is empty`)];
  const detail = `${Object.keys(restored).length} collections with ${sum(restored)} documents, where ${Object.keys(before).length} with ${sum(before)} were seen before the capture`;
  return { passed: wrong.length === 0, detail: [detail, ...wrong.slice(0, MAX_SHOWN)].join("; ") };
}
