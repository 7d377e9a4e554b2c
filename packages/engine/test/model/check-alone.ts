/** What a check finds in packs, without its threads, as starting these takes longer than a whole sequence. */
import { loadBytes } from "@holdfast/storage";
import type { Finding } from "../../src/check/findings.ts";
import { PacksOfIndex } from "../../src/check/packs-of-index.ts";
import { UsualEdges } from "../../src/check/usual-edges.ts";
import { verifyPack } from "../../src/check/verify-pack.ts";
import { Decompressor } from "../../src/platform/zstd.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { signal } from "../made-repository.ts";

const decompressor = new Decompressor();

/** Findings of all packs: those that the index lists and those in the store, which must be the same. */
export async function checkPacks(repository: Repository): Promise<string[]> {
  const index = await loadIndex(repository, { signal });
  const byPack = new PacksOfIndex(index);
  const usualEdges = new UsualEdges(index);
  const verifier = { sealer: repository.sealer, index, decompressor, usualEdges, maxBlobBytes: 1024 * 1024 };
  const findings: Finding[] = [];
  const problems: string[] = [];
  const seen = new Set<number>();
  for await (const { id, sizeBytes } of repository.files("pack", { signal })) {
    const pack = index.packNumber(id);
    if (pack === undefined) {
      problems.push(`no index lists pack ${id}`);
      continue;
    }
    seen.add(pack);
    if (byPack.expectedBytes[pack] !== sizeBytes) problems.push(`pack ${id} has ${sizeBytes} bytes`);
    const bytes = await loadBytes(repository.backend, { type: "pack", name: id }, undefined, { signal });
    const result = verifyPack(verifier, id, bytes, byPack.entriesOf(pack));
    findings.push(...result.findings, ...result.trees.flatMap((tree) => tree.findings));
  }
  for (let pack = 0; pack < index.packCount; pack++) {
    if (!seen.has(pack)) problems.push(`pack ${index.packId(pack)} is gone`);
  }
  return [...problems, ...findings.map(({ code, what, reason }) => `${code}: ${what}: ${reason}`)];
}
