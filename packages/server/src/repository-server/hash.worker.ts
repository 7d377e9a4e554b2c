/** The thread that hashes bodies of uploads, a block at a time, while the main thread moves the next ones. */
import { type Hash, createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { HashAnswer, HashTask } from "./hash-thread.ts";

const open = new Map<number, Hash>();

function run({ body, block, isLast }: HashTask): HashAnswer {
  if (block === undefined) {
    open.delete(body);
    return undefined;
  }
  const digest = open.get(body) ?? createHash("sha256");
  digest.update(block);
  if (!isLast) {
    open.set(body, digest);
    return undefined;
  }
  open.delete(body);
  return digest.digest("hex");
}

parentPort?.on("message", (task: HashTask) => parentPort?.postMessage(run(task), []));
