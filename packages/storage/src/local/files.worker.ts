/** A thread that does tasks with files, one after the other, by calls that block: it may wait for a disk, and nobody waits with it. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { systemCode } from "@holdfast/base";
import type { FileInfo } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { blockingCalls } from "./blocking-calls.ts";
import {
  type FileTask,
  type ListTask,
  type ListedFiles,
  type PeekAnswer,
  type PeekTask,
  type TaskAnswer,
  columnsOf,
  failureOf,
} from "./file-tasks.ts";
import { listFileBatches } from "./list-files.ts";
import { saveFile } from "./save-file.ts";

/** So many files of a list go with one message. */
const LISTED_AT_ONCE = 256;

/** Nothing here can be aborted: a task is short, or waits for a device. */
const { signal } = new AbortController();
const lists = new Map<number, AsyncGenerator<readonly FileInfo[]>>();

function peek({ path, name, range, maxBytes }: PeekTask): PeekAnswer | undefined {
  let fd: number;
  try {
    // What is no file must not be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) return undefined;
    const info = { name, sizeBytes: facts.size, receivedAtMs: facts.mtimeMs };
    const { offset, length } = range ?? { offset: 0, length: facts.size };
    if (length > maxBytes || offset + length > facts.size) return { info, bytes: undefined };
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const count = readSync(fd, bytes, done, length - done, offset + done);
      // It has become shorter just now; whoever reads it once more is told so.
      if (count === 0) return { info, bytes: undefined };
      done += count;
    }
    return { info, bytes };
  } finally {
    closeSync(fd);
  }
}

async function goOn({ list, root, type, isOver }: ListTask): Promise<ListedFiles> {
  const files = lists.get(list) ?? listFileBatches(blockingCalls, root, type, { signal });
  lists.delete(list);
  const some: FileInfo[] = [];
  if (isOver) {
    await files.return(undefined);
    return columnsOf(some, true);
  }
  while (some.length < LISTED_AT_ONCE) {
    const next = await files.next();
    if (next.done === true) return columnsOf(some, true);
    some.push(...next.value);
  }
  lists.set(list, files);
  return columnsOf(some, false);
}

async function valueOf(task: FileTask): Promise<unknown> {
  if (task.kind === "peek") return peek(task);
  if (task.kind === "list") return goOn(task);
  return saveFile(blockingCalls, { ...task, body: bytesSource(task.bytes) }, { signal });
}

async function answerTo(task: FileTask): Promise<TaskAnswer> {
  try {
    return { value: await valueOf(task) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

/** One after the other, so that answers come in the order of tasks. */
let last: Promise<void> = Promise.resolve();
parentPort?.on("message", (task: FileTask) => {
  last = last.then(async () => parentPort?.postMessage(await answerTo(task), []));
});
