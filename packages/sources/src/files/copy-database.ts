/** A copy of a database at one moment, as the content of its file. */
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, messageOf } from "@holdfast/base";
import { type GivenEntry, displayPath, fsPath, lstatNs, realMetadata } from "@holdfast/engine";
import type { CaptureOptions } from "../contract/source.ts";
import { requireRoom } from "../host/room.ts";
import { runTask } from "../sqlite/run-task.ts";
import type { CopyDatabase } from "./file-entries.ts";

const READ_BYTES = 1024 * 1024;

export interface CopyDatabasesParts extends CaptureOptions {
  readonly title: string;
  readonly temporary: string;
  /** Told of each that was copied. */
  readonly onCopied: (path: string) => void;
}

/** Copies each to a temporary file, which is gone once it was read. One that cannot be copied is told, and read like any file. */
export function databaseCopier({ title, temporary, signal, onWarning, onCopied }: CopyDatabasesParts): CopyDatabase {
  return async (path, stored) => {
    const folder = await mkdtemp(join(temporary, "database-"));
    const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
    try {
      const to = join(folder, "copy");
      await requireRoom(folder, lstatNs(path).size, title);
      await runTask({ kind: "copy", from: fsPathText(path), to }, title, { signal });
      onCopied(path);
      return { kind: "file", path: stored, content: contentOf(to, remove), ...realMetadata(path) } satisfies GivenEntry;
    } catch (error) {
      await remove();
      signal.throwIfAborted();
      const reason = isHoldfastError(error) ? error.message : messageOf(error);
      const message = `the database ${displayPath(path)} is read like any file, and may be torn: ${reason}`;
      onWarning({ code: "database-as-file", message });
      return undefined;
    }
  };
}

/** SQLite takes text only. */
function fsPathText(path: string): string {
  const real = fsPath(path);
  if (typeof real === "string") return real;
  throw new Error("its path is no UTF-8");
}

async function* contentOf(path: string, remove: () => Promise<void>): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>;
  } finally {
    await remove();
  }
}
