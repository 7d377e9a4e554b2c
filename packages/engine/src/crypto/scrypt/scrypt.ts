/**
 * scrypt (C. Percival, RFC 7914) on several threads, where its costs allow it. What is the same for every command, opening a
 * repository, takes half a second on one thread by design; whoever guesses passwords has all cores as well.
 */
import { workerEntry } from "@holdfast/base";
import { pbkdf2, scrypt } from "node:crypto";
import { availableParallelism } from "node:os";
import { WorkerThread } from "../../workers/worker-thread.ts";
import { laneBytes } from "./lanes.ts";
import type { LanesDone, LanesTask } from "./lanes.worker.ts";

/** What scrypt costs: 128·N·r bytes of memory, and time in proportion to N·r·p. */
export interface ScryptCosts {
  /** A power of two. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** All that scrypt needs beside the password. */
export interface ScryptParameters extends ScryptCosts {
  readonly salt: Uint8Array;
}

const LANES_WORKER = workerEntry("./lanes.worker", import.meta.url);
/** Memory that all threads together may take. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

/** On one thread, by `node:crypto`. Cannot be aborted. The caller has checked the costs. */
export function scryptOnOneThread(
  secret: Uint8Array,
  { N, r, p, salt }: ScryptParameters,
  keyBytes: number,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // OpenSSL counts N + p + 2 blocks of 128·r bytes, and refuses at its limit, not only above it.
    const maxmem = 128 * r * (N + p + 3);
    scrypt(secret, salt, keyBytes, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** On as many threads as are of use: the same bytes. Cannot be aborted. The caller has checked the costs. */
export async function scryptOnThreads(
  secret: Uint8Array,
  parameters: ScryptParameters,
  keyBytes: number,
): Promise<Uint8Array> {
  const { N, r, p, salt } = parameters;
  const threads = usefulThreads(parameters);
  if (threads < 2) return scryptOnOneThread(secret, parameters, keyBytes);
  const expanded = await hmacOnce(secret, salt, p * laneBytes(r));
  const lanes = new SharedArrayBuffer(expanded.length);
  const mixed = new Uint8Array(lanes);
  mixed.set(expanded);
  await mixLanes({ N, r, lanes, next: new SharedArrayBuffer(4) }, threads);
  const key = await hmacOnce(secret, mixed.slice(), keyBytes);
  mixed.fill(0);
  return key;
}

/** Threads that have a pair of lanes to work on and the memory for it. */
function usefulThreads({ N, r, p }: ScryptCosts): number {
  const affordable = Math.floor(MAX_MEMORY_BYTES / (2 * laneBytes(r) * N));
  return N < 2 ? 0 : Math.min(Math.ceil(p / 2), availableParallelism(), affordable);
}

async function mixLanes(task: LanesTask, threads: number): Promise<void> {
  const started: WorkerThread<never, LanesDone>[] = [];
  try {
    await Promise.all(
      Array.from({ length: threads }, () => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const handlers = { onMessage: () => resolve(), onFailure: reject };
        started.push(new WorkerThread<never, LanesDone>(LANES_WORKER, task, handlers));
        return promise;
      }),
    );
  } finally {
    await Promise.all(started.map((thread) => thread.terminate()));
  }
}

/** PBKDF2 with one pass of HMAC-SHA-256, as scrypt has it before and after its lanes. */
function hmacOnce(secret: Uint8Array, salt: Uint8Array, bytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    pbkdf2(secret, salt, 1, bytes, "sha256", (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
