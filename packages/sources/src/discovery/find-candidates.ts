/** From what is known of a host to what there is to protect. Pure. */
import { isWithin } from "@holdfast/base";
import { CRITICALITIES, type Candidate, type Finding } from "./candidate.ts";
import { DATABASE_RULES } from "./finders/database-rules.ts";
import { findCertificates } from "./finders/certificates.ts";
import { findContainers } from "./finders/containers.ts";
import { findDatabases } from "./finders/databases.ts";
import { findRepositories } from "./finders/git.ts";
import { findHomes } from "./finders/homes.ts";
import { findMachines } from "./finders/machines.ts";
import { findMail } from "./finders/mail.ts";
import { findOtherDatabases } from "./finders/other-databases.ts";
import { findRemainingData } from "./finders/remaining-data.ts";
import { findSqlite } from "./finders/sqlite.ts";
import { findSystem } from "./finders/system.ts";
import { findWebRoots } from "./finders/web.ts";
import type { HostView } from "./host/host-view.ts";
import { NOTHING, type Totals, plus } from "./walk/folder-sizes.ts";

/** Kinds that store folders as they are, so that they hold all files that lie there. */
const FILE_KINDS: ReadonlySet<string> = new Set(["files", "system"]);

const DAY_MS = 24 * 60 * 60 * 1000;

/** All that there is to protect, the most critical and largest first; with the same view always the same. */
export function findCandidates(view: HostView): Candidate[] {
  const explained = [
    ...findDatabases(DATABASE_RULES, view),
    ...findOtherDatabases(view),
    ...findSqlite(view),
    ...findMachines(view),
    ...findContainers(view),
    ...findMail(view),
    ...findWebRoots(view),
    ...findHomes(view),
    ...findSystem(view),
    ...findCertificates(view),
    ...findRepositories(view),
    ...findBackups(view),
  ];
  const findings = [...explained, ...findRemainingData(view, explained)].filter((finding) => isAskedFor(finding, view));
  // The first finder that has found something knows best what it is.
  const byId = new Map<string, Finding>();
  for (const finding of findings) if (!byId.has(finding.id)) byId.set(finding.id, finding);
  const all = [...byId.values()];
  const sizes = fileSizes(view);
  return all.map((finding) => completed(finding, { all, view, sizes })).sort(inOrder);
}

/** Repositories of backup programs, which a walk leaves out: a backup of backups grows without an end. */
function findBackups(view: HostView): Finding[] {
  return view.marks
    .filter(({ what }) => what === "backup-repository")
    .map(({ path, detail }): Finding => ({
      id: `files:${path}`,
      category: "backup",
      kind: "files",
      title: `repository of backups (${detail})`,
      paths: [path],
      confidence: "likely",
      evidence: "config, keys, index, data and snapshots are there",
      criticality: "replaceable",
      reason: "it holds backups; a second copy is made by `holdfast copy`, and not by a backup of it",
      settings: { paths: [path] },
    }));
}

/** Files that were looked at more closely have no row of their own. */
function fileSizes({ marks, nowMs }: HostView): Map<string, Totals> {
  return new Map(
    marks
      .filter(({ sizeBytes }) => sizeBytes > 0)
      .map(({ path, sizeBytes: bytes, changedMs }) => {
        const age = nowMs - changedMs;
        return [path, { files: 1, bytes, dayBytes: age < DAY_MS ? bytes : 0, weekBytes: age < 7 * DAY_MS ? bytes : 0 }];
      }),
  );
}

function isAskedFor({ paths }: Finding, view: HostView): boolean {
  return view.paths.length === 0 || paths.some((path) => view.paths.some((asked) => isWithin(path, asked)));
}

function completed(
  finding: Finding,
  { all, view, sizes }: { all: readonly Finding[]; view: HostView; sizes: ReadonlyMap<string, Totals> },
): Candidate {
  const totals = finding.paths.map((path) => view.folders.of(path) ?? sizes.get(path));
  const isMeasured = finding.paths.length > 0 && totals.every((each) => each !== undefined);
  const sum = totals.reduce((total, each) => plus(total ?? NOTHING, each ?? NOTHING), NOTHING) ?? NOTHING;
  const holder = FILE_KINDS.has(finding.kind) ? holderOf(finding, all) : undefined;
  return {
    needs: [],
    settings: {},
    sizeBytes: isMeasured ? sum.bytes : undefined,
    growth: isMeasured ? { dayBytes: sum.dayBytes, weekBytes: sum.weekBytes } : undefined,
    ...finding,
    ...(holder === undefined ? {} : { within: holder.id }),
  };
}

/** The outermost that stores all of it as well. */
function holderOf(finding: Finding, all: readonly Finding[]): Finding | undefined {
  const { paths, id } = finding;
  if (paths.length === 0) return undefined;
  const holders = all.filter(
    (other) =>
      other.id !== id &&
      FILE_KINDS.has(other.kind) &&
      !other.id.includes("#") &&
      paths.every((path) => other.paths.some((folder) => isWithin(path, folder))) &&
      // Two of the same folder: the first holds the second.
      !(other.paths.join() === paths.join() && all.indexOf(other) > all.indexOf(finding)),
  );
  return holders.sort((a, b) => (a.paths[0] ?? "").length - (b.paths[0] ?? "").length)[0];
}

function inOrder(a: Candidate, b: Candidate): number {
  const byCriticality = CRITICALITIES.indexOf(a.criticality) - CRITICALITIES.indexOf(b.criticality);
  return byCriticality || (b.sizeBytes ?? -1) - (a.sizeBytes ?? -1) || (a.id < b.id ? -1 : 1);
}
