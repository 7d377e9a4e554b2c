/** What the conformance suite runs on, and how it looks at it. */
import { isHoldfastError } from "@holdfast/base";
import { expect } from "vitest";
import type { Backend, FileInfo, FileKey, FileType } from "../backend.ts";
import { bytesSource, loadBytes } from "../bytes-source.ts";
import type { SampleFile } from "./sample-files.ts";

/** One fresh, empty place. */
export interface ConformanceSubject {
  readonly backend: Backend;
  /** Another way into the same place, which may do everything; for a `backend` that refuses some calls. */
  readonly writer?: Backend;
  /** Puts a foreign file there; `path` is relative to the repository. Left out where nothing foreign can be. */
  readonly plantForeign?: (path: string) => Promise<void>;
  /** Where the repository lies on a disk of this machine, if it does; for what would take too long through the backend. */
  readonly folder?: string;
  /** What an aborted or failed save has begun is gone only a moment later: a server has to notice the end of a connection. */
  readonly clearsUpLate?: boolean;
  readonly dispose?: () => Promise<void>;
}

export interface ConformanceOptions {
  /** What `backend` allows. Default: everything. */
  readonly access?: "everything" | "append-only" | "read-only";
  /** How many files must be listed well; left out: no more than the other tests store. */
  readonly manyFiles?: number;
  /** The store refuses bytes of which a name is not the hash, so that only `config` can ever be replaced by something else. */
  readonly verifiesNames?: boolean;
}

/** Makes the place for one test. */
export type SubjectFactory = () => Promise<ConformanceSubject>;

/** A signal that nobody aborts. */
export function unaborted(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

/** Stores a file as its writer would. */
export async function put(backend: Backend, { key, bytes }: SampleFile): Promise<void> {
  await backend.save(key, bytesSource(bytes), unaborted());
}

/** The content of a file, in one array. */
export function get(backend: Backend, key: FileKey): Promise<Uint8Array> {
  return loadBytes(backend, key, undefined, unaborted());
}

/** Every file of a type. */
export async function listAll(backend: Backend, type: FileType): Promise<FileInfo[]> {
  const infos: FileInfo[] = [];
  for await (const info of backend.list(type, unaborted())) infos.push(info);
  return infos;
}

/** Expects a failure with one of our codes. */
export async function expectCode(promise: Promise<unknown>, code: string): Promise<void> {
  const outcome = await promise.then(
    () => "it succeeded",
    (error: unknown) => (isHoldfastError(error) ? error.code : error),
  );
  expect(outcome).toBe(code);
}

/** Expects that nothing of the file can be seen. */
export async function expectAbsent(backend: Backend, key: FileKey): Promise<void> {
  expect(await backend.stat(key, unaborted())).toBeUndefined();
  await expectCode(get(backend, key), "STORAGE_NOT_FOUND");
  expect((await listAll(backend, key.type)).map(({ name }) => name)).not.toContain(key.name);
}

/** As `expectAbsent`, after a save that did not succeed: some servers need a moment to clear up. */
export async function expectClearedUp({ backend, clearsUpLate }: ConformanceSubject, key: FileKey): Promise<void> {
  // It may also begin late: to be absent at once says nothing.
  for (let wait = 100; clearsUpLate === true && wait <= 3200; wait *= 2) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if ((await backend.stat(key, unaborted())) === undefined) break;
  }
  await expectAbsent(backend, key);
}

/** Equality of bytes without the slow comparison of test frameworks. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.length).toBe(expected.length);
  expect(Buffer.compare(actual, expected)).toBe(0);
}
