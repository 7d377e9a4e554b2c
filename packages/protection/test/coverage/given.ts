/** Candidates and configurations as tests of coverage give them. */
import type { Candidate } from "@holdfast/sources";
import type { Configuration, SourceConfiguration } from "../../src/configuration/schema.ts";
import { type CoverageInput, type CoverageReport, coverageOf } from "../../src/coverage/coverage.ts";

export type Sources = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** @param id as `coverage` shows it: its kind, and the path of its data, where it has one */
export function candidate(id: string, changes: Partial<Candidate> = {}): Candidate {
  const [kind = "", path = ""] = id.split(/:(.*)/s);
  return {
    id,
    category: kind === "files" ? "data" : kind === "sqlite" ? "sqlite" : "database",
    kind,
    title: id,
    paths: path.startsWith("/") ? [path.replace(/#.*/, "")] : [],
    sizeBytes: 100,
    growth: undefined,
    confidence: "certain",
    evidence: "",
    criticality: "critical",
    reason: "",
    needs: [],
    settings: {},
    ...changes,
  };
}

/** Of kinds that this build may lack: only coverage reads them. */
export function configuration(sources: Sources, waivers: Configuration["waivers"] = []): Configuration {
  const all = Object.entries(sources).map(([name, { kind, hooks, ...settings }]): [string, SourceConfiguration] => [
    name,
    { name, kind: String(kind), tags: [], hooks: hooks as never, settings },
  ]);
  return {
    path: "/etc/holdfast/holdfast.yaml",
    repositories: new Map(),
    sources: new Map(all),
    waivers,
    scratch: undefined,
  };
}

/** With what is left out as on a machine of which nothing else is known. */
export const covered = (
  input: Partial<CoverageInput> & Pick<CoverageInput, "candidates" | "configuration">,
): CoverageReport =>
  coverageOf({ folders: [], mountPoints: [], last: undefined, hostname: "db1", today: "2026-11-29", ...input });
