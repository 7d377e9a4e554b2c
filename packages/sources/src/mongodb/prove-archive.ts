/** Proves an archive: a private server takes it, examines each collection, and is asked. It listens on nothing but a socket. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import type { Programs } from "../programs/programs.ts";
import { StartedServer } from "../programs/started-server.ts";
import { type Seen, lookAt } from "../proofs/look-at.ts";
import { judgeAnswer } from "../proofs/queries.ts";
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
  const { programs, settings, scratch, temporary, signal, onStep } = proof;
  const beganMs = performance.now();
  const { oplog, collections } = detailOf(captured);
  const binaries = settings["server-binaries"];
  const tool = binaries === undefined ? "mongod" : join(binaries, "mongod");
  await programs.require(tool, "Install MongoDB's server, or name its folder with the setting server-binaries.");
  const folder = await mkdtemp(join(temporary, "mongodb-"));
  const socket = join(folder, "s.sock");
  const client = new MongoClient(programs, settings, socketAddress(socket), temporary);
  let server: StartedServer | undefined;
  try {
    const data = join(scratch, "data");
    await mkdir(data, { mode: 0o700 });
    onStep("starting an empty server");
    server = await StartedServer.start(
      programs,
      {
        tool,
        args: [`--dbpath=${data}`, `--bind_ip=${socket}`, "--quiet"],
        log: join(folder, "log"),
        isReady: async (options) => (await client.ask("admin", "db.hello().isWritablePrimary", options)) === true,
        readyWithinMs: settings["start-limit"],
        setting: "start-limit",
      },
      { signal },
    );
    onStep("restoring into it");
    const args = ["--archive", ...(oplog ? ["--oplogReplay"] : [])];
    const checks: ProofCheck[] = [
      await lookAt("a server takes it", { signal }, async () => {
        const input = captured.read(ARCHIVE_FILE, { signal });
        for await (const _ of client.run("mongorestore", args, { signal, input })) signal.throwIfAborted();
        return { passed: true, detail: "mongorestore ended without a failure" };
      }),
    ];
    if (checks.some(({ passed }) => !passed)) return { checks, usableAfterMs: undefined };
    const usableAfterMs = performance.now() - beganMs;
    onStep("examining every collection");
    checks.push(
      await lookAt("every collection is valid", { signal }, async () => {
        const invalid = INVALID.parse(await client.ask("admin", VALIDATE, { signal }));
        const detail = invalid.length === 0 ? "validate: ok" : invalid.slice(0, MAX_SHOWN).join(", ");
        return { passed: invalid.length === 0, detail };
      }),
      await lookAt("the collections are there", { signal }, async () =>
        compare(collections, await collectionsOf(client, { signal })),
      ),
    );
    for (const query of settings.queries) {
      const { database, expression, expect } = query;
      onStep(`asking ${expression}`);
      const asked = expect === undefined ? expression : { sql: expression, expect };
      checks.push(
        await lookAt(expression, { signal }, async () => {
          const value = await client.ask(database, expression, { signal });
          const answer =
            value === null || typeof value === "object" ? JSON.stringify(value) : (value as string | number);
          return judgeAnswer(asked, answer === "null" ? null : answer);
        }),
      );
    }
    return { checks, usableAfterMs };
  } finally {
    await server?.end();
    await rm(folder, { recursive: true, force: true });
  }
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
