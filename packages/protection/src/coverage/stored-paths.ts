/** Which files the sources of a configuration store, by paths and patterns alone: no file is looked at. */
import { isWithin } from "@holdfast/base";
import { PatternSet } from "@holdfast/engine";
import type { SourceConfiguration } from "../configuration/schema.ts";

/** Kinds that store files as they are. */
const FILE_KINDS: ReadonlySet<string> = new Set(["files", "system", "command"]);

/** What a source stores. */
export interface StoredPaths {
  readonly source: string;
  readonly paths: readonly string[];
  /** Whether a pattern leaves out this path, or a folder above it; or it is on a file system that is not gone to. */
  readonly leavesOut: (path: string) => boolean;
  readonly hasPatterns: boolean;
  /** SQLite databases among the files are copied as they are at one moment. */
  readonly copiesDatabases: boolean;
  /** Files that are larger are left out. */
  readonly mostBytes: number;
}

export interface LeftOut {
  readonly source: string;
  readonly path: string;
  readonly bytes: number;
}

/**
 * Of each source that stores files. What a kind stores that is no file, such as a dump, is not among it.
 * @param mountPoints where file systems begin, for sources that do not leave theirs
 */
export function storedPaths(sources: Iterable<SourceConfiguration>, mountPoints: readonly string[]): StoredPaths[] {
  return [...sources].flatMap(({ name, kind, settings }) => {
    if (!FILE_KINDS.has(kind)) return [];
    const given = settings as Readonly<Record<string, unknown>>;
    // The system of another disk is not this one.
    if (kind === "system" && given["root"] !== undefined && given["root"] !== "/") return [];
    const paths = [...texts(given["paths"]), ...texts([given["folder"]])];
    if (paths.length === 0) return [];
    const patterns = PatternSet.parse(texts(given["exclude"]));
    const inner = mountPoints.filter((point) => paths.some((path) => point !== path && isWithin(point, path)));
    const stops = given["one-file-system"] === true ? inner : [];
    const most = given["exclude-larger-than"];
    return [
      {
        source: name,
        paths,
        leavesOut: (path) => patterns.matches(path) || stops.some((point) => isWithin(path, point)),
        hasPatterns: !patterns.isEmpty || stops.length > 0,
        copiesDatabases: kind === "files" && given["databases"] !== "as-files",
        mostBytes: typeof most === "number" ? most : Number.POSITIVE_INFINITY,
      },
    ];
  });
}

/** How much of a path is stored. */
export type PathCoverage = "whole" | "left out" | "parts" | "none";

/** With the sources that store it, or the parts of it, or that leave it out. */
export function coverageOfPath(
  path: string,
  stored: readonly StoredPaths[],
): { readonly coverage: PathCoverage; readonly by: readonly string[] } {
  const around = stored.filter(({ paths }) => paths.some((each) => isWithin(path, each)));
  const whole = around.filter(({ leavesOut }) => !leavesOut(path));
  if (whole.length > 0) return { coverage: "whole", by: names(whole) };
  const inside = stored.filter(({ paths, leavesOut }) =>
    paths.some((each) => isWithin(each, path) && !leavesOut(each)),
  );
  if (inside.length > 0) return { coverage: "parts", by: names(inside) };
  return around.length > 0 ? { coverage: "left out", by: names(around) } : { coverage: "none", by: [] };
}

/** Folders that patterns leave out and that no other source stores, the outermost of them. @param folders with their sizes */
export function leftOutFolders(
  folders: Iterable<readonly [path: string, size: { readonly bytes: number }]>,
  stored: readonly StoredPaths[],
): LeftOut[] {
  const withPatterns = stored.filter(({ hasPatterns }) => hasPatterns);
  if (withPatterns.length === 0) return [];
  const found = [...folders].flatMap(([path, { bytes }]): LeftOut[] => {
    const by = withPatterns.find(
      ({ paths, leavesOut }) => paths.some((each) => isWithin(path, each)) && leavesOut(path),
    );
    if (by === undefined || bytes === 0 || coverageOfPath(path, stored).coverage === "whole") return [];
    return [{ source: by.source, path, bytes }];
  });
  const paths = new Set(found.map(({ path }) => path));
  return found.filter(({ path }) => !hasAbove(path, paths));
}

function hasAbove(path: string, others: ReadonlySet<string>): boolean {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    if (others.has(path.slice(0, at))) return true;
  }
  return false;
}

function names(stored: readonly StoredPaths[]): string[] {
  return stored.map(({ source }) => source);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
