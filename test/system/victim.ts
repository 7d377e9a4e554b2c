/**
 * One backup in a process of its own, for tests that kill it. It gets an opened repository, so that no password costs time,
 * and tells each phase on standard output the moment it begins.
 */
import { writeSync } from "node:fs";
import { Backup, type Id, NO_RULES, Repository, withLock } from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";

/** What to back up and where to; handed over as the first argument, in JSON. */
export interface VictimOrder {
  readonly repository: string;
  readonly source: string;
  readonly repositoryId: string;
  readonly chunkerPolynomial: string;
  readonly keyId: string;
  /** The three parts of the master key, in hex. */
  readonly masterKey: { readonly encrypt: string; readonly macK: string; readonly macR: string };
  readonly packSizeBytes: number;
}

function tell(phase: string): void {
  writeSync(1, `${phase}\n`);
}

function open(order: VictimOrder): Repository {
  const { encrypt, macK, macR } = order.masterKey;
  return new Repository({
    backend: openLocal(order.repository),
    config: {
      version: 2,
      id: order.repositoryId as Id,
      chunkerPolynomial: BigInt(order.chunkerPolynomial),
    },
    masterKey: {
      encrypt: Uint8Array.fromHex(encrypt),
      macK: Uint8Array.fromHex(macK),
      macR: Uint8Array.fromHex(macR),
    },
    keyId: order.keyId as Id,
  });
}

async function main(order: VictimOrder): Promise<void> {
  const interruption = new AbortController();
  process.on("SIGINT", () => interruption.abort(new Error("interrupted")));
  const repository = open(order);
  tell("locking");
  await withLock(repository, { exclusive: false, signal: interruption.signal }, async (signal) => {
    const backup = new Backup(repository, {
      targets: [order.source],
      cwd: "/",
      hostname: "victim",
      username: "tester",
      uid: 0,
      gid: 0,
      tags: [],
      excludes: [],
      parent: { kind: "auto", groupBy: ["host", "paths"] },
      rules: NO_RULES,
      reading: { withAtime: false, ignoreInode: false, ignoreCtime: false },
      compression: "auto",
      packSizeBytes: order.packSizeBytes,
      scan: true,
      skipIfUnchanged: false,
      dryRun: false,
      programVersion: "test",
      signal,
      onEvent: (event) => {
        if (event.kind === "phase") tell(event.phase);
      },
    });
    await backup.run();
  });
  tell("unlocked");
}

await main(JSON.parse(process.argv[2] ?? "") as VictimOrder);
