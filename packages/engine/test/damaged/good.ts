/** A small good repository, copies of it to break, and the ways to break them. */
import { Secret } from "@holdfast/base";
import {
  bytesSource,
  FaultyBackend,
  FILE_TYPES,
  loadBytes,
  type Backend,
  type Fault,
  type FileKey,
  type FileType,
} from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { PacksOfIndex } from "../../src/check/packs-of-index.ts";
import { idOf, idToBytes, parseId, type BlobType, type Id } from "../../src/format/id.ts";
import { encodePackHeader } from "../../src/format/pack-header.ts";
import { encodeIndexFile, type IndexedPack, type PackBlob } from "../../src/index/index-file.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { backUp, CHEAP_KDF, NEVER, noise, scratchFolder, through, writeFiles } from "../backup-lab.ts";
import { createRepository } from "../../src/repository/create.ts";

export const PASSWORD = new Secret("lab");

export interface Good {
  readonly repository: Repository;
  /** What was backed up. */
  readonly folder: string;
}

/** Some folders, files in one and in many blobs, text and noise; two snapshots, several packs of each kind. */
export async function makeGood(): Promise<Good> {
  const folder = scratchFolder();
  const files: Record<string, string | Uint8Array> = {
    "empty/.keep": "",
    "notes/a.txt": "first",
    "big.bin": noise(3_000_000, 7),
  };
  for (let n = 0; n < 60; n++) files[`many/${n % 6}/file-${n}`] = noise(1500 + n, n);
  writeFiles(folder, files);
  const repository = await createRepository(new MemoryBackend(), PASSWORD, {
    signal: NEVER,
    hostname: "lab",
    username: "tester",
    kdf: CHEAP_KDF,
  });
  await backUp(repository, [folder], { timeNs: 1_700_000_000_000_000_000n });
  writeFiles(folder, { "notes/a.txt": "second", "notes/b.txt": "more", "many/0/file-0": noise(900, 99) });
  await backUp(repository, [folder], { timeNs: 1_700_000_100_000_000_000n });
  return { repository, folder };
}

/** The same repository in a store of its own. */
export async function copyOf(repository: Repository): Promise<Repository> {
  const backend = new MemoryBackend();
  for (const type of FILE_TYPES) {
    if (type === "config") {
      const key = { type, name: "" } as const;
      await backend.save(key, bytesSource(await bytesOf(repository.backend, key)), { signal: NEVER });
      continue;
    }
    for await (const { name } of repository.backend.list(type, { signal: NEVER })) {
      await backend.save({ type, name }, bytesSource(await bytesOf(repository.backend, { type, name })), {
        signal: NEVER,
      });
    }
  }
  return through(repository, backend);
}

export function bytesOf(backend: Backend, key: FileKey): Promise<Uint8Array> {
  return loadBytes(backend, key, undefined, { signal: NEVER });
}

export async function change(backend: Backend, key: FileKey, edit: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = (await bytesOf(backend, key)).slice();
  await backend.save(key, bytesSource(edit(bytes)), { signal: NEVER });
}

/** Changes one bit; from the end when `at` is negative. */
export function flipBit(backend: Backend, key: FileKey, at: number): Promise<void> {
  return change(backend, key, (bytes) => {
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] as number) ^ 1;
    return bytes;
  });
}

export function cutTo(backend: Backend, key: FileKey, sizeBytes: number): Promise<void> {
  return change(backend, key, (bytes) => bytes.subarray(0, sizeBytes));
}

export async function idsOf(repository: Repository, type: Exclude<FileType, "config">): Promise<Id[]> {
  const files = await Array.fromAsync(repository.files(type, { signal: NEVER }));
  return files.map(({ id }) => id).sort();
}

/** The packs of one kind, largest first. */
export async function packsWith(repository: Repository, type: BlobType): Promise<Id[]> {
  const index = await loadIndex(repository, { signal: NEVER });
  const byPack = new PacksOfIndex(index);
  const packs = Array.from({ length: index.packCount }, (_, pack) => pack)
    .filter((pack) => (byPack.holdsTrees[pack] === 1) === (type === "tree"))
    .sort((a, b) => (byPack.expectedBytes[b] as number) - (byPack.expectedBytes[a] as number));
  return packs.map((pack) => index.packId(pack));
}

/** Every blob that the readable index files list, with its place. */
export async function listedBlobs(repository: Repository): Promise<string[]> {
  const index = await loadIndex(repository, { signal: NEVER, onDamaged: () => {} });
  return Array.from({ length: index.count }, (_, entry) => {
    const place = index.locationAt(entry);
    if (place === undefined) throw new Error("an entry without a place");
    const { pack, offset, lengthBytes, uncompressedBytes } = place;
    return `${index.typeAt(entry)} ${index.idAt(entry)} ${index.packId(pack)} ${offset} ${lengthBytes} ${uncompressedBytes}`;
  }).sort();
}

/** A blob as a forger would write it: any id, any claimed length over any payload. */
export interface ForgedBlob {
  readonly type: BlobType;
  readonly id: Id;
  readonly payload: Uint8Array;
  readonly claimedBytes: number;
}

/** Stores a pack of forged blobs with an index that lists them. The forger has the key, so all seals are right. */
export async function forge(repository: Repository, blobs: readonly ForgedBlob[]): Promise<IndexedPack> {
  const parts: Uint8Array[] = [];
  const listed: PackBlob[] = [];
  let offset = 0;
  for (const { type, id, payload, claimedBytes } of blobs) {
    const sealed = repository.sealer.seal(payload);
    listed.push({ id, type, offset, lengthBytes: sealed.length, uncompressedBytes: claimedBytes });
    parts.push(sealed);
    offset += sealed.length;
  }
  const header = repository.sealer.seal(
    encodePackHeader(listed.map(({ uncompressedBytes, ...entry }) => ({ ...entry, plainBytes: uncompressedBytes }))),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const bytes = Buffer.concat([...parts, header, length]);
  const pack = { id: idOf(bytes), blobs: listed };
  await repository.backend.save({ type: "pack", name: pack.id }, bytesSource(bytes), { signal: NEVER });
  await saveIndex(repository, [pack]);
  return pack;
}

export function saveIndex(repository: Repository, packs: readonly IndexedPack[]): Promise<Id> {
  return repository.saveDocument("index", encodeIndexFile(packs), { signal: NEVER });
}

/** The raw id of any text. */
export function rawId(id: string): Uint8Array {
  return idToBytes(parseId(id));
}

/**
 * Runs `work` on copies of a repository again and again, each time ending it at the next of its writes: before that takes
 * place, or after it has and only the answer is lost. From then on the store refuses everything.
 * @returns the repositories that these ends left behind
 */
export async function* cutOffEverywhere(
  broken: Repository,
  work: (repository: Repository) => Promise<unknown>,
): AsyncGenerator<{ repository: Repository; step: string }> {
  for (const when of ["before", "after"] as const) {
    for (let end = 1; ; end++) {
      const whole = await copyOf(broken);
      const plan = new CutOff(end, when);
      const finished = await work(through(whole, new FaultyBackend(whole.backend, plan))).then(
        () => true,
        () => false,
      );
      if (finished !== !plan.isCut) throw new Error(`write ${end} failed without a failure of the work`);
      if (finished) break;
      yield { repository: whole, step: `${when} write ${end}` };
    }
  }
}

class CutOff {
  readonly #end: number;
  readonly #when: "before" | "after";
  #writes = 0;
  isCut = false;

  constructor(end: number, when: "before" | "after") {
    this.#end = end;
    this.#when = when;
  }

  next(operation: string): Fault | undefined {
    if (this.isCut) return { kind: "fail", when: "before" };
    if (operation !== "save" && operation !== "remove") return undefined;
    if (++this.#writes < this.#end) return undefined;
    this.isCut = true;
    return { kind: "fail", when: this.#when };
  }
}
