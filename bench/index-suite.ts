/**
 * How long it takes to load an index of millions of blobs. The index files are made up, but such as both programs write; the
 * blobs do not exist. What is measured is a command that loads the index and has nothing more to do.
 */
import { randomFillSync } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import { openRepository } from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import { measure } from "./measure.ts";
import { BENCH_PASSWORD, type RepositoryProgram } from "./programs.ts";
import type { Row } from "./report.ts";
import { Turns } from "./turns.ts";

/** Both programs begin a new index file at so many blobs. */
const BLOBS_PER_FILE = 50_000;
const BLOBS_PER_PACK = 20;
const NO_BLOB = "0".repeat(64);

export async function indexRows(
  millions: number,
  { programs, runs, folder }: { programs: readonly RepositoryProgram[]; runs: number; folder: string },
): Promise<Row[]> {
  const repository = join(folder, "repository");
  const [maker] = programs;
  if (maker === undefined) throw new Error("there is no program to make the repository with");
  await measure(maker.init(repository));
  await writeIndex(repository, millions * 1_000_000);
  const turns = new Turns(`index of ${millions} million blobs`);
  for (let n = 0; n < runs; n++) {
    for (const program of programs) {
      // There is no snapshot to search, but the index is loaded first.
      turns.note(program, "load", await measure(program.find(repository, "--blob", NO_BLOB)));
    }
  }
  rmSync(repository, { recursive: true });
  return turns.rows();
}

async function writeIndex(path: string, blobs: number): Promise<void> {
  const { signal } = new AbortController();
  const repository = await openRepository(openLocal(path), new Secret(BENCH_PASSWORD), { signal });
  for (let written = 0; written < blobs; written += BLOBS_PER_FILE) {
    await repository.saveDocument("index", indexFile(), { signal });
    process.stderr.write(`index: ${Math.min(written + BLOBS_PER_FILE, blobs)} of ${blobs} blobs\r`);
  }
  process.stderr.write("\n");
  await repository.close();
}

/** Nearly all are data blobs of about 600 KiB, as in a repository of large files. */
function indexFile(): Uint8Array {
  const packs = Array.from({ length: BLOBS_PER_FILE / BLOBS_PER_PACK }, () => {
    let offset = 0;
    const blobs = Array.from({ length: BLOBS_PER_PACK }, () => {
      const length = 500_000 + Math.floor(Math.random() * 200_000);
      const blob = { id: randomId(), type: "data", offset, length, uncompressed_length: length + 100_000 };
      offset += length;
      return blob;
    });
    return { id: randomId(), blobs };
  });
  return Buffer.from(`${JSON.stringify({ packs })}\n`);
}

const random = Buffer.alloc(32);

function randomId(): string {
  return randomFillSync(random).toString("hex");
}
