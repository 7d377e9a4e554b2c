/** Keeps what a proof has left for people to look at, where they have asked for it. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { ProofReport } from "@holdfast/sources";
import { shortId } from "../snapshot-json.ts";

export interface ProofIdentity {
  readonly source: string;
  readonly snapshot: string;
  readonly beganAtMs: number;
}

/**
 * A folder of its own for each proof, for its owner only: a console shows what is nobody else's business.
 * @returns the files
 */
export async function keepEvidence(
  folder: string,
  { evidence = [] }: ProofReport,
  { source, snapshot, beganAtMs }: ProofIdentity,
): Promise<string[]> {
  if (evidence.length === 0) return [];
  const stamp = new Date(beganAtMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const own = join(resolve(folder), `${source}-${shortId(snapshot)}-${stamp}`);
  await mkdir(own, { recursive: true, mode: 0o700 });
  const files: string[] = [];
  for (const { name, bytes } of evidence) {
    const path = join(own, basename(name));
    await writeFile(path, bytes, { flag: "wx", mode: 0o600 });
    files.push(path);
  }
  return files;
}
