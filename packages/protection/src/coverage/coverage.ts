/**
 * What exists minus what the configuration protects. Pure: candidates, configuration, waivers and what was there last time go in, a
 * report comes out.
 */
import type { Candidate, Category } from "@holdfast/sources";
import type { Configuration, Waiver } from "../configuration/schema.ts";
import { type Judgement, judge } from "./judge.ts";
import type { LastTime } from "./last-time.ts";
import { leftOutFolders, storedPaths } from "./stored-paths.ts";
import { isAbout, isExpired } from "./waivers.ts";

/** `waived`: not protected, or partly, and a waiver that holds says that this is meant. `replaceable`: not protected, and no loss. */
export type CoverageState = "protected" | "partly" | "bare" | "waived" | "replaceable";

export interface CoverageEntry extends Judgement {
  readonly candidate: Candidate;
  readonly state: CoverageState;
  /** It was not there last time. False at the first time. */
  readonly isNew: boolean;
  /** The waiver that holds for it; or one that has expired, when nothing else protects it. */
  readonly waiver: Waiver | undefined;
  readonly isWaiverExpired: boolean;
}

export interface CoverageSum {
  readonly count: number;
  /** Without what lies in another candidate, as that would be counted twice. */
  readonly bytes: number;
}

export interface CoverageReport {
  /** In the order of the candidates. */
  readonly entries: readonly CoverageEntry[];
  /** When it was looked at last; `undefined` at the first time. ISO 8601. */
  readonly lastAt: string | undefined;
  /** Ids that were there last time, and are not any more. */
  readonly gone: readonly string[];
  /** Waivers that are about nothing that is there. */
  readonly idleWaivers: readonly Waiver[];
  readonly sums: ReadonlyMap<CoverageState, ReadonlyMap<Category, CoverageSum>>;
  /** Something critical is neither protected in part nor waived. */
  readonly isCriticalBare: boolean;
}

export interface CoverageInput {
  readonly candidates: readonly Candidate[];
  readonly configuration: Configuration;
  /** Every folder whose size is known. */
  readonly folders: Iterable<readonly [path: string, size: { readonly bytes: number }]>;
  /** Where file systems begin. */
  readonly mountPoints: readonly string[];
  readonly last: LastTime | undefined;
  readonly hostname: string;
  /** Whether captures are made by root: others find their own engine of containers before that of the system. Default: true. */
  readonly isRoot?: boolean;
  /** The day on which waivers must hold, as `2026-11-29`. */
  readonly today: string;
}

export function coverageOf({
  candidates,
  configuration,
  folders,
  mountPoints,
  last,
  hostname,
  isRoot = true,
  today,
}: CoverageInput): CoverageReport {
  const stored = storedPaths(configuration.sources.values(), mountPoints);
  const known = [...folders];
  const names = new Set(known.map(([path]) => path));
  const context = {
    configuration,
    stored,
    leftOut: leftOutFolders(known, stored),
    candidates,
    isFolder: (path: string) => names.has(path),
    hostname,
    isRoot,
  };
  const entries = candidates.map((candidate): CoverageEntry => {
    const judgement = judge(candidate, context);
    const about = configuration.waivers.filter((waiver) => isAbout(waiver, candidate));
    const holding = about.find((waiver) => !isExpired(waiver, today));
    const state = stateOf(candidate, judgement, holding);
    const expired =
      state === "bare" || state === "partly" ? about.find((waiver) => isExpired(waiver, today)) : undefined;
    return {
      ...judgement,
      candidate,
      state,
      isNew: last !== undefined && !Object.hasOwn(last.seen, candidate.id),
      waiver: state === "waived" ? holding : expired,
      isWaiverExpired: expired !== undefined,
    };
  });
  const ids = new Set(candidates.map(({ id }) => id));
  return {
    entries,
    lastAt: last?.at,
    gone: Object.keys(last?.seen ?? {}).filter((id) => !ids.has(id)),
    idleWaivers: configuration.waivers.filter((waiver) => !candidates.some((candidate) => isAbout(waiver, candidate))),
    sums: sumsOf(entries),
    isCriticalBare: entries.some(({ candidate, state }) => state === "bare" && candidate.criticality === "critical"),
  };
}

function stateOf({ criticality }: Candidate, { protection }: Judgement, waiver: Waiver | undefined): CoverageState {
  if (protection === "protected") return "protected";
  if (waiver !== undefined) return "waived";
  return criticality === "replaceable" ? "replaceable" : protection;
}

function sumsOf(entries: readonly CoverageEntry[]): Map<CoverageState, Map<Category, CoverageSum>> {
  const sums = new Map<CoverageState, Map<Category, CoverageSum>>();
  for (const { state, candidate } of entries) {
    const ofState = sums.get(state) ?? new Map<Category, CoverageSum>();
    const { count, bytes } = ofState.get(candidate.category) ?? { count: 0, bytes: 0 };
    const own = candidate.within === undefined ? (candidate.sizeBytes ?? 0) : 0;
    sums.set(state, ofState.set(candidate.category, { count: count + 1, bytes: bytes + own }));
  }
  return sums;
}
