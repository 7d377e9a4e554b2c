/**
 * The files of a stream of mariadb-backup, one after the other. Chunks of its log come between those of other files: they are held back
 * until the file is whole that is being read, in memory while they are few, else in a temporary file.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type XbstreamPart, XbstreamParser } from "./xbstream.ts";

/** So much is held in memory. */
const HELD_BYTES = 16 * 1024 * 1024;

export interface StreamedFile {
  readonly path: string;
  /** To be taken to its end before the next file is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** @param folder for what is held back; emptied again @throws an Error unless the stream is whole, and what it throws */
export async function* streamedFiles(stream: AsyncIterable<Uint8Array>, folder: string): AsyncGenerator<StreamedFile> {
  const parts = partsOf(stream);
  const held = new Map<string, HeldFile>();
  const hold = async (part: XbstreamPart): Promise<void> => {
    const file = held.get(part.path) ?? new HeldFile(join(folder, `held-${held.size}`));
    held.set(part.path, file);
    if (part.kind === "end") file.isWhole = true;
    else await file.add(part.bytes);
  };
  const rest = async function* (path: string, first: Uint8Array): AsyncGenerator<Uint8Array> {
    yield first;
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      if (next.value.path !== path) await hold(next.value);
      else if (next.value.kind === "end") return;
      else yield next.value.bytes;
    }
  };
  try {
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      const part = next.value;
      if (part.kind === "end" || held.has(part.path)) await hold(part);
      else {
        const content = rest(part.path, part.bytes);
        yield { path: part.path, content };
        for await (const _ of content);
      }
      for (const [path, file] of held) {
        if (!file.isWhole) continue;
        yield { path, content: file.content() };
        await file.remove();
        held.delete(path);
      }
    }
  } finally {
    for (const file of held.values()) await file.remove();
    await parts.return(undefined);
  }
}

async function* partsOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<XbstreamPart> {
  const parser = new XbstreamParser();
  for await (const chunk of stream) yield* parser.push(chunk);
  parser.end();
}

class HeldFile {
  isWhole = false;
  readonly #path: string;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #file: FileHandle | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async add(bytes: Uint8Array): Promise<void> {
    // A copy: the piece is part of a buffer that may be used again.
    this.#pieces.push(Uint8Array.from(bytes));
    this.#bytes += bytes.length;
    if (this.#bytes < HELD_BYTES) return;
    this.#file ??= await open(this.#path, "wx", 0o600);
    for (const piece of this.#pieces) await this.#file.writeFile(piece);
    this.#pieces = [];
    this.#bytes = 0;
  }

  async *content(): AsyncGenerator<Uint8Array> {
    if (this.#file !== undefined) yield* createReadStream(this.#path) as AsyncIterable<Uint8Array>;
    yield* this.#pieces;
  }

  async remove(): Promise<void> {
    await this.#file?.close();
    if (this.#file !== undefined) await rm(this.#path, { force: true });
    this.#file = undefined;
    this.#pieces = [];
  }
}
