/** What threads do with files of a folder, and how they say what became of it. */
import { HoldfastError, type SerializedError, isHoldfastError, messageOf, systemCode } from "@holdfast/base";
import type { ByteRange, FileInfo, FileKey, FileType } from "../backend.ts";

/** A body that is in memory as a whole; see `SaveRequest`. */
export interface SaveTask {
  readonly kind: "save";
  readonly location: string;
  readonly target: string;
  readonly key: FileKey;
  readonly bytes: Uint8Array;
  readonly fileMode: number;
  readonly ifAbsent: boolean;
}

/** See `Backend.peek`. */
export interface PeekTask {
  readonly kind: "peek";
  readonly path: string;
  readonly name: string;
  readonly range: ByteRange | undefined;
  readonly maxBytes: number;
}

/** Begins a list, goes on with it, or gives it up. The thread that has begun it goes on. */
export interface ListTask {
  readonly kind: "list";
  readonly list: number;
  readonly root: string;
  readonly type: FileType;
  readonly isOver: boolean;
}

export type FileTask = SaveTask | PeekTask | ListTask;

/** Some files of a list, in columns: a message of many small objects costs several times as much. */
export interface ListedFiles {
  /** Joined by line feeds. */
  readonly names: string;
  readonly sizes: Float64Array<ArrayBuffer>;
  readonly times: Float64Array<ArrayBuffer>;
  readonly isLast: boolean;
}

export interface PeekAnswer {
  readonly info: FileInfo;
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** The value is that of the task: whether a save was atomic, what was seen of a file, files of a list. */
export type TaskAnswer = { readonly value: unknown } | { readonly failure: TaskFailure };

/** An error of ours or of the system, on its way to another thread. */
interface TaskFailure {
  readonly own: SerializedError | undefined;
  readonly code: string | undefined;
  readonly message: string;
}

export function failureOf(error: unknown): TaskFailure {
  const own = isHoldfastError(error) ? error.toJSON() : undefined;
  return { own, code: systemCode(error), message: messageOf(error) };
}

/** The error that `failureOf` took down. */
export function errorOf({ own, code, message }: TaskFailure): Error {
  return own === undefined ? Object.assign(new Error(message), { code }) : HoldfastError.fromJSON(own);
}

export function columnsOf(files: readonly FileInfo[], isLast: boolean): ListedFiles {
  const names = files.map(({ name }) => name).join("\n");
  const sizes = Float64Array.from(files, ({ sizeBytes }) => sizeBytes);
  const times = Float64Array.from(files, ({ receivedAtMs }) => receivedAtMs ?? Number.NaN);
  return { names, sizes, times, isLast };
}

export function filesOf({ names, sizes, times }: ListedFiles): FileInfo[] {
  if (sizes.length === 0) return [];
  return names.split("\n").map((name, at) => ({ name, sizeBytes: sizes[at] ?? 0, receivedAtMs: times[at] ?? 0 }));
}
