/** The model with real backups: files on disk, threads, packs as a backup makes them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { backUp, scratchFolder } from "../backup-lab.ts";
import { PATIENCE_MS, SEQUENCES } from "./count.ts";
import { runSequences } from "./sequences.ts";
import { type BackUp, DIRECT } from "./steps.ts";
import { piece } from "./source.ts";

const PART = Math.ceil(SEQUENCES / 50);
const folder = scratchFolder();
let sources = 0;

/** Each in a folder of its own, as several may be at work at once. */
const fromDisk: BackUp = (repository, files, random) => {
  const source = join(folder, `source ${++sources}`);
  mkdirSync(source);
  for (const [path, pieces] of files) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    writeFileSync(join(source, path), Buffer.concat(pieces.map(piece)));
  }
  return backUp(repository, [source], { packSizeBytes: random.between(2_000, 20_000) });
};

test(
  `after ${PART} sequences with real backups every snapshot is as the model has it`,
  { timeout: 60_000 + PART * 10 * PATIENCE_MS },
  async () => {
    const options = { steps: { least: 3, most: 9 }, makers: { ...DIRECT, backUp: fromDisk } };
    const counts = await runSequences(PART, "model with real backups", options);
    expect(counts["sequences"]).toBeGreaterThan(0);
  },
);
