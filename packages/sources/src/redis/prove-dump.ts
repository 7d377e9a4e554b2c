/** Proves a captured dump: a private server loads it, and is asked. It listens on nothing but a socket, and saves nothing. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import type { Programs } from "../programs/programs.ts";
import { StartedServer } from "../programs/started-server.ts";
import { type Seen, lookAt } from "../proofs/look-at.ts";
import { judgeAnswer } from "../proofs/queries.ts";
import { RedisClient, keysOf, redisTool } from "./redis-client.ts";
import type { RedisQuery, RedisSettings } from "./settings.ts";
import { DUMP_FILE, type RedisDetail, detailOf } from "./stored.ts";

export interface DumpProof extends ProveOptions {
  readonly programs: Programs;
  readonly settings: RedisSettings;
  /** A folder with a short path. */
  readonly sockets: string;
}

export async function proveDump(captured: CapturedTree, proof: DumpProof): Promise<ProofReport> {
  const { programs, settings, scratch, sockets, signal, onStep } = proof;
  const beganMs = performance.now();
  const detail = detailOf(captured);
  await programs.require(redisTool(settings, "server"), "Install the package redis-server (or valkey-server).");
  onStep("restoring to a temporary folder");
  await captured.extract(DUMP_FILE, scratch, { signal });
  onStep("examining every key");
  let stored: StoredKeys | undefined;
  const checks: ProofCheck[] = [
    await lookAt("the dump is whole", { signal }, async () => {
      stored = await examine(proof, { signal });
      return { passed: true, detail: `keys: ${stored.keys}, of which ${stored.expires} expire` };
    }),
  ];
  const folder = await mkdtemp(join(sockets, "redis-"));
  let server: StartedServer | undefined;
  try {
    const socket = join(folder, "s");
    const client = new RedisClient(
      programs,
      redisTool(settings, "cli"),
      { ...settings, socket, user: undefined, tls: undefined },
      undefined,
    );
    onStep("starting a server on it");
    checks.push(
      await lookAt("a server loads it", { signal }, async () => {
        server = await start(proof, detail, { socket, client });
        return { passed: true, detail: `version ${(await client.info({ signal }))["redis_version"] ?? "unknown"}` };
      }),
    );
    if (server === undefined) return { checks, usableAfterMs: undefined };
    const usableAfterMs = performance.now() - beganMs;
    checks.push(
      await lookAt("keys of each database", { signal }, async () =>
        compareKeys(detail, stored, keysOf(await client.info({ signal }))),
      ),
    );
    for (const query of settings.queries) checks.push(await ask(client, query, proof));
    return { checks, usableAfterMs };
  } finally {
    await server?.end();
    await rm(folder, { recursive: true, force: true });
  }
}

interface StoredKeys {
  readonly keys: number;
  readonly expires: number;
}

/** Every value is decoded, and the checksum compared. */
async function examine({ programs, settings, scratch }: DumpProof, options: CallOptions): Promise<StoredKeys> {
  const call = {
    tool: redisTool(settings, "check-rdb"),
    args: [join(scratch, DUMP_FILE)],
    how: "Install the package redis-tools.",
  };
  const said = await programs.text(call, options);
  const number = (pattern: RegExp): number => Number(pattern.exec(said)?.[1] ?? 0);
  return { keys: number(/(\d+) keys read/), expires: number(/(\d+) expires/) };
}

async function start(
  { programs, settings, scratch, signal }: DumpProof,
  { config, keys }: RedisDetail,
  { socket, client }: { socket: string; client: RedisClient },
): Promise<StartedServer> {
  const highest = Math.max(15, ...Object.keys({ ...keys.before, ...keys.after }).map(Number));
  const databases = Math.max(highest + 1, Number(config["databases"] ?? 0));
  const lines = [
    // None of the network, and nothing that writes the dump anew while it is looked at.
    "port 0",
    `unixsocket ${JSON.stringify(socket)}`,
    "unixsocketperm 700",
    `dir ${JSON.stringify(scratch)}`,
    `dbfilename ${DUMP_FILE}`,
    `databases ${databases}`,
    'save ""',
    "appendonly no",
    "daemonize no",
    "maxmemory 0",
    ...settings.modules.map((path) => `loadmodule ${JSON.stringify(path)}`),
  ];
  const file = join(scratch, "proof.conf");
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return StartedServer.start(
    programs,
    {
      tool: redisTool(settings, "server"),
      args: [file],
      folder: scratch,
      log: join(scratch, "proof.log"),
      isReady: async (options) => (await client.info(options))["loading"] === "0",
      readyWithinMs: settings["start-limit"],
      setting: "start-limit",
    },
    { signal },
  );
}

/** Exactly as many as the dump has, but for those that have expired since; and in each database about as many as the server had. */
function compareKeys(
  { keys: { before, after } }: RedisDetail,
  stored: StoredKeys | undefined,
  found: Readonly<Record<string, number>>,
): Seen {
  const problems: string[] = [];
  const total = Object.values(found).reduce((sum, count) => sum + count, 0);
  const expires = stored?.expires ?? 0;
  if (stored !== undefined && (total > stored.keys || total < stored.keys - expires)) {
    problems.push(`${total} keys in all, where the dump has ${stored.keys}`);
  }
  for (const [database, count] of Object.entries(before)) {
    // Others went on writing and deleting during the capture, so that the server's own counts are no exact measure.
    const least = Math.floor(Math.min(count, after[database] ?? 0) * 0.9) - expires;
    if ((found[database] ?? 0) < least)
      problems.push(`database ${database}: ${found[database] ?? 0}, where the server had ${count}`);
  }
  const shown = Object.entries(found).map(([database, count]) => `database ${database}: ${count}`);
  return {
    passed: problems.length === 0,
    detail: problems.length > 0 ? problems.join("; ") : shown.join(", ") || "no keys",
  };
}

function ask(client: RedisClient, { command, database, expect }: RedisQuery, proof: DumpProof): Promise<ProofCheck> {
  const name = command.join(" ");
  proof.onStep(`asking ${name}`);
  return lookAt(name, proof, async () => {
    const answer = (await client.ask(command, { database, signal: proof.signal })).replace(/\n$/, "");
    return judgeAnswer(expect === undefined ? name : { sql: name, expect }, answer);
  });
}
