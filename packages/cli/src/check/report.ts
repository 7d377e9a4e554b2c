/** What a check found, for people and for programs. */
import { type CheckResult, type Finding, type FindingCode, displayPath, isDamage } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, formatCount, formatElapsed, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** Damage inside a pack: `repair packs` saves what is left in it. */
const IN_PACK: ReadonlySet<FindingCode> = new Set([
  "pack-size",
  "pack-unreadable",
  "pack-hash",
  "pack-header",
  "blob-damaged",
]);
/** Damage that `repair index` mends. */
const IN_INDEX: ReadonlySet<FindingCode> = new Set(["index-damaged", "index-range", "pack-missing", "pack-size"]);
/** What no index lists may be in a pack that no index lists either. */
const LOST: ReadonlySet<FindingCode> = new Set(["tree-missing", "data-missing"]);
/** What is left in snapshots when all of the above is mended. */
const IN_SNAPSHOT: ReadonlySet<FindingCode> = new Set([...LOST, "tree-malformed", "tree-name", "tree-duplicate"]);

/** A finding, as soon as it is made. What is harmless is only told with --verbose. */
export function reportFinding(finding: Finding, output: Output): void {
  const { code, what, reason } = finding;
  const text = `${safeText(what)}: ${safeText(reason)}`;
  if (!isDamage(finding)) return output.message(`note: ${text}`, 1);
  if (output.settings.json)
    output.errorJson({ message_type: "error", message: `${what}: ${reason}`, code, item: what });
  else output.error(`${output.color("31", "damage:")} ${text}`);
}

export function reportCheck(result: CheckResult, output: Output): void {
  if (output.settings.json) output.printJson(summaryJson(result));
  else for (const line of summaryLines(result)) output.printProse(line);
}

function summaryLines(result: CheckResult): string[] {
  const { affected, affectedOmitted, healthy, findings } = result;
  return [
    ...(affected.length === 0 ? [] : ["", "These files and folders cannot be restored whole:"]),
    ...affected.map(
      ({ path, snapshots, reason }) =>
        `  ${displayPath(path)} (${snapshots.map(shortId).join(", ")}): ${safeText(reason)}`,
    ),
    ...(affectedOmitted === 0 ? [] : [`  and ${plural(affectedOmitted, "more", "more")}`]),
    ...(affected.length === 0 ? [] : [""]),
    `checked ${plural(result.snapshots, "snapshot")}, ${plural(result.packs, "pack")} and ${plural(result.blobs, "blob")} in ${formatElapsed(result.elapsedMs)}`,
    ...packsRead(result),
    ...(result.unusedBlobs === 0
      ? []
      : [`${plural(result.unusedBlobs, "blob")} (${formatBytes(result.unusedBytes)}) belong to no snapshot`]),
    healthy ? "no damage was found" : `damage was found: ${plural(damageCount(result), "finding")}`,
    ...hints(findings),
  ];
}

/** The next steps, in their order. */
function hints(findings: readonly Finding[]): string[] {
  const packs = brokenPacks(findings);
  if (packs.length > 0) {
    return [
      ...(needsIndexRepair(findings) ? ["hint: run `holdfast repair index`"] : []),
      `hint: run \`holdfast repair packs ${packs.map(shortId).join(" ")}\`, then back up again: what the source still has is stored anew`,
      "      if there is another copy of the repository, add --from-repo LOCATION: what it still has comes back",
      "      what is lost for good after that: `holdfast repair snapshots`",
    ];
  }
  if (needsIndexRepair(findings)) {
    return [
      "hint: run `holdfast repair index`, then check again",
      ...(findings.some(({ code }) => code === "pack-missing")
        ? [
            "      if there is another copy of the repository, `holdfast repair packs --from-repo LOCATION` brings back what was in packs that are gone",
          ]
        : []),
    ];
  }
  if (!needsSnapshotRepair(findings)) return [];
  return findings.some(({ code }) => LOST.has(code))
    ? [
        "hint: if there is another copy of the repository: `holdfast repair packs --from-repo LOCATION` brings back what it has",
        "hint: back up again: what the source still has is stored anew, and heals older snapshots too",
        "      what is lost for good after that: `holdfast repair snapshots`",
      ]
    : ["hint: run `holdfast repair snapshots`: it makes snapshots without what is wrong"];
}

function packsRead({ packs, packsRead: read, bytesRead }: CheckResult): string[] {
  if (packs === 0) return [];
  return read === packs
    ? [`read and verified all ${plural(packs, "pack")} (${formatBytes(bytesRead)})`]
    : [
        `read and verified ${formatCount(read)} of ${plural(packs, "pack")} (${formatBytes(bytesRead)}); --read-data reads all`,
      ];
}

function summaryJson(result: CheckResult): unknown {
  return {
    message_type: "summary",
    num_errors: damageCount(result),
    broken_packs: brokenPacks(result.findings),
    suggest_repair_index: needsIndexRepair(result.findings),
    suggest_repair_snapshots: needsSnapshotRepair(result.findings),
    suggest_prune: result.unusedBlobs > 0,
    snapshots: result.snapshots,
    packs: result.packs,
    packs_read: result.packsRead,
    bytes_read: result.bytesRead,
    blobs: result.blobs,
    unused_blobs: result.unusedBlobs,
    unused_bytes: result.unusedBytes,
    affected: result.affected,
    affected_omitted: result.affectedOmitted,
    total_duration: result.elapsedMs / 1000,
  };
}

function damageCount({ findings, findingsOmitted }: CheckResult): number {
  return findings.filter(isDamage).length + findingsOmitted;
}

function needsIndexRepair(findings: readonly Finding[]): boolean {
  const isUnindexed = findings.some(({ code }) => code === "pack-unindexed");
  return findings.some(({ code }) => IN_INDEX.has(code) || (isUnindexed && LOST.has(code)));
}

/** Also when the repair of the index may bring back all: only another check can tell. */
function needsSnapshotRepair(findings: readonly Finding[]): boolean {
  return findings.some(({ code }) => IN_SNAPSHOT.has(code));
}

/** Ids of damaged packs, each once. */
function brokenPacks(findings: readonly Finding[]): string[] {
  return [...new Set(findings.flatMap(({ code, pack }) => (IN_PACK.has(code) && pack !== undefined ? [pack] : [])))];
}
