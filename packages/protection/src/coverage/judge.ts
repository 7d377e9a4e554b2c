/** What a configuration does for one candidate. Pure. */
import { isWithin } from "@holdfast/base";
import { type Candidate, DATABASE_NAMES } from "@holdfast/sources";
import type { Configuration } from "../configuration/schema.ts";
import { dumpedByCommand } from "./dump-commands.ts";
import { shortfalls } from "./shortfalls.ts";
import { isOnThisMachine, isSameServer, isServerKind, isUsualEngine } from "./same-server.ts";
import { type LeftOut, type StoredPaths, coverageOfPath } from "./stored-paths.ts";

export type Protection = "protected" | "partly" | "bare";

export interface Judgement {
  readonly protection: Protection;
  /** Names of sources. */
  readonly by: readonly string[];
  /** What is missing, or what the protection rests on; sentences for people. */
  readonly notes: readonly string[];
  /** Bytes of it that are left out by patterns, as far as that is known. */
  readonly leftOutBytes: number;
}

export interface JudgeContext {
  readonly configuration: Configuration;
  readonly stored: readonly StoredPaths[];
  readonly leftOut: readonly LeftOut[];
  /** All candidates: what is left out in one may be judged as another. */
  readonly candidates: readonly Candidate[];
  readonly isFolder: (path: string) => boolean;
  readonly hostname: string;
  readonly isRoot: boolean;
}

/** Kinds whose files may be copied as they are. */
const PLAIN_KINDS: ReadonlySet<string> = new Set(["files", "system"]);

export function judge(candidate: Candidate, context: JudgeContext): Judgement {
  const own = byOwnKind(candidate, context);
  if (own?.protection === "protected") return own;
  const files = byFiles(candidate, context);
  if (candidate.category === "sqlite") return better(own, asDatabase(candidate, files, context.stored));
  if (PLAIN_KINDS.has(candidate.kind) || candidate.isAtRest === true) return better(own, files);
  return better(own, withoutDump(files));
}

/** By sources of its own kind, and by commands that dump such things. */
function byOwnKind(candidate: Candidate, context: JudgeContext): Judgement | undefined {
  const found: Judgement[] = [];
  for (const { name, kind, settings, hooks } of context.configuration.sources.values()) {
    if (kind === candidate.kind && kind !== "files" && kind !== "command" && isMeant(candidate, settings, context)) {
      const notes = [...shortfalls(candidate, { name, settings }), ...ifOneOfSeveral(candidate, name, context)];
      // A system that is stored without /etc is none.
      const isWhole = notes.length === 0 && (kind !== "system" || hasPath(settings, candidate.paths));
      found.push({ protection: isWhole ? "protected" : "partly", by: [name], notes, leftOutBytes: 0 });
    } else if (kind === "command") {
      const dumped = dumpedByCommand(candidate, { settings, hooks }, (given) => isMeant(candidate, given, context));
      if (dumped === undefined) continue;
      const notes =
        dumped === "whole"
          ? [`the command of ${name} is taken at its word`]
          : [`the command of ${name} stores one database, or a part`];
      found.push({ protection: dumped === "whole" ? "protected" : "partly", by: [name], notes, leftOutBytes: 0 });
    }
  }
  return found.find(({ protection }) => protection === "protected") ?? found[0];
}

/** Whether a source means this candidate, and not another that it could mean as well. */
function isMeant(candidate: Candidate, settings: unknown, { candidates, hostname, isRoot }: JudgeContext): boolean {
  const { kind, container, isAtRest } = candidate;
  const others = candidates.filter((other) => other.kind === kind && other.id !== candidate.id);
  const isOfAnother = (): boolean =>
    others.some((other) => isRunningHere(other) && isSameServer(other, settings, hostname));
  // Its port outside of the container is not known: a source that is nobody else's may be its.
  if (container !== undefined) return isOnThisMachine(settings, hostname) && !isOfAnother();
  if (!isSameServer(candidate, settings, hostname)) return false;
  if (kind === "docker") return isUsualEngine(candidate, others, settings, { isRoot });
  return !(isAtRest === true && isServerKind(kind) && isOfAnother());
}

function isRunningHere({ container, isAtRest }: Candidate): boolean {
  return container === undefined && isAtRest !== true;
}

/** Servers in containers cannot be told apart from outside: there must be a source for each. */
function ifOneOfSeveral(candidate: Candidate, name: string, context: JudgeContext): string[] {
  const { kind, container } = candidate;
  if (container === undefined) return [];
  const servers = context.candidates.filter((other) => other.kind === kind && other.container !== undefined);
  const sources = [...context.configuration.sources.values()].filter(
    (source) => source.kind === kind && isMeant(candidate, source.settings, context),
  );
  if (sources.length >= servers.length) return [];
  return [`several such servers run in containers, and it is not known which of them ${name} captures`];
}

function byFiles({ id, paths, sizeBytes = 0 }: Candidate, context: JudgeContext): Judgement {
  const { leftOut, candidates } = context;
  // One file that is too large is left out; of folders it is not known which files are.
  const isFile = paths.length === 1 && !context.isFolder(paths[0] as string);
  const stored = isFile ? context.stored.filter(({ mostBytes }) => sizeBytes <= mostBytes) : context.stored;
  const each = paths.map((path) => ({ path, ...coverageOfPath(path, stored) }));
  const by = [
    ...new Set(each.filter(({ coverage }) => coverage === "whole" || coverage === "parts").flatMap((one) => one.by)),
  ];
  const notes = each.flatMap(({ path, coverage, by: sources }) => noteOf(path, coverage, sources, paths.length > 1));
  if (by.length === 0) return { protection: "bare", by, notes, leftOutBytes: 0 };
  const others = candidates.filter((other) => other.id !== id).flatMap((other) => other.paths);
  const missing = leftOut.filter(
    ({ path }) =>
      paths.some((own) => path !== own && isWithin(path, own)) &&
      // What is a candidate itself is judged by itself.
      !others.some((other) => isWithin(path, other) && !paths.some((own) => isWithin(own, other))),
  );
  for (const { source, path } of missing.slice(0, 3)) notes.push(`${source} leaves out ${path}`);
  if (missing.length > 3) notes.push(`and ${missing.length - 3} more folders are left out`);
  const isWhole = each.every(({ coverage }) => coverage === "whole") && missing.length === 0;
  return {
    protection: isWhole ? "protected" : "partly",
    by,
    notes,
    leftOutBytes: missing.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function noteOf(path: string, coverage: string, sources: readonly string[], isOneOfSeveral: boolean): string[] {
  switch (coverage) {
    case "left out":
      return [`${path} is left out by a pattern of ${sources.join(", ")}`];
    case "parts":
      return [`only parts of ${path} are stored`];
    case "none":
      return isOneOfSeveral ? [`${path} is not stored`] : [];
    default:
      return [];
  }
}

/** SQLite files: sources of files copy those consistently that they know for databases. */
function asDatabase({ paths }: Candidate, files: Judgement, stored: readonly StoredPaths[]): Judgement {
  if (files.protection !== "protected") return files;
  const isCopied = stored.some(({ source, copiesDatabases }) => copiesDatabases && files.by.includes(source));
  if (isCopied && paths.every((path) => DATABASE_NAMES.test(path))) return files;
  const note = isCopied
    ? "its name does not say that it is a database, so that it is copied as one only while it is in use"
    : "its file is stored as it is at some moment, and not captured as a database";
  return { ...files, protection: "partly", notes: [note, ...files.notes] };
}

/** Files that change while they are copied are no backup of a database. */
function withoutDump(files: Judgement): Judgement {
  if (files.by.length === 0) return files;
  const note = "its files are stored while they change, and nothing captures it consistently";
  return { ...files, protection: "partly", notes: [note, ...files.notes] };
}

const ORDER: readonly Protection[] = ["protected", "partly", "bare"];

function better(a: Judgement | undefined, b: Judgement): Judgement {
  return a === undefined || ORDER.indexOf(b.protection) < ORDER.indexOf(a.protection) ? b : a;
}

function hasPath(settings: unknown, paths: readonly string[]): boolean {
  const { paths: stored } = settings as { readonly paths?: readonly string[] };
  return stored === undefined || paths.every((path) => stored.some((folder) => isWithin(path, folder)));
}
