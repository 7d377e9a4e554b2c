/** Has a thread speak to SQLite. */
import { Worker } from "node:worker_threads";
import { workerEntry } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { SqliteAnswer, SqliteTask } from "./tasks.ts";

const ENTRY = workerEntry("./sqlite.worker", import.meta.url);
/** SQLite's numbers, of which mostly only the low byte counts. */
const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
/** SQLITE_READONLY_ROLLBACK: beside it lies the journal of a writer that was killed, and only who may write can undo what that began. */
const SQLITE_READONLY_ROLLBACK = 776;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;

type AnswerOf<K extends SqliteTask["kind"]> = Extract<
  SqliteAnswer,
  { kind: { copy: "copied"; check: "checked"; query: "answered" }[K] }
>;

/**
 * One task on a thread of its own, which an abort ends.
 * @param source for messages
 * @throws SOURCES_UNREACHABLE when it cannot be opened or is locked, SOURCES_CREDENTIALS, SOURCES_NO_ROOM, SOURCES_TOOL_FAILED
 */
export async function runTask<K extends SqliteTask["kind"]>(
  task: Extract<SqliteTask, { kind: K }>,
  source: string,
  { signal }: CallOptions,
): Promise<AnswerOf<K>> {
  signal.throwIfAborted();
  const worker = new Worker(ENTRY, { workerData: task, stderr: true });
  const { promise, resolve, reject } = Promise.withResolvers<SqliteAnswer>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  worker.once("message", resolve);
  worker.once("error", reject);
  worker.once("exit", (code) => reject(new Error(`the thread ended with ${code}`)));
  try {
    const answer = await promise;
    if (answer.kind === "failed") throw failed(answer, source);
    return answer as AnswerOf<K>;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}

function failed({ code = 0, message }: Extract<SqliteAnswer, { kind: "failed" }>, source: string): Error {
  if (code === SQLITE_READONLY_ROLLBACK) {
    const reason =
      "a writer was cut off in the middle, and its journal lies there: open the database once with its program";
    return sourcesError("SOURCES_UNREACHABLE", { source, reason });
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_CANTOPEN:
      return sourcesError("SOURCES_UNREACHABLE", { source, reason: message });
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return sourcesError("SOURCES_CREDENTIALS", { source, reason: message });
    case SQLITE_FULL:
      return sourcesError("SOURCES_NO_ROOM", { source, reason: message });
    default:
      return sourcesError("SOURCES_TOOL_FAILED", { tool: "SQLite", source, reason: message });
  }
}
