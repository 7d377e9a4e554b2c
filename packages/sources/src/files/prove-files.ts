/** Proves files: restores a sample aside, compares it with the snapshot and the live files, and opens the databases among them. */
import { lstat, mkdtemp, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Selection, displayPath, listFolder, lstatNs } from "@holdfast/engine";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../contract/source.ts";
import { lookAt, type Seen } from "../proofs/look-at.ts";
import { COMPANIONS } from "../sqlite/files.ts";
import { runTask } from "../sqlite/run-task.ts";
import { placeOf } from "./place.ts";
import { type FilesSettings, selectionRules } from "./settings.ts";

/** So many databases are opened, the first ones. */
const MAX_DATABASES = 50;
/** So many that are not as they should be are named. */
const MAX_SHOWN = 5;

export interface ProveFilesParts {
  readonly captured: CapturedTree;
  readonly root: string;
  readonly paths: readonly string[];
  readonly databases: readonly string[];
  readonly settings: FilesSettings;
  readonly title: string;
}

/** @throws as `Source.prove` */
export async function proveFiles(
  parts: ProveFilesParts,
  { scratch, signal, onStep }: ProveOptions,
): Promise<ProofReport> {
  const beganMs = performance.now();
  const { captured, root, databases, settings } = parts;
  const { entries, size: bytes } = settings.proof;
  onStep("restoring a sample aside");
  const copies = new Set(databases);
  // A copy of a database is not byte for byte what lies there.
  const livePath = (path: string): string | undefined => (copies.has(path) ? undefined : path);
  const sampled: string[] = [];
  const checks: ProofCheck[] = [
    await lookAt("a random sample is restored as it was", { signal }, async () => {
      const watched = (path: string): string | undefined => {
        sampled.push(path);
        return livePath(path);
      };
      const size = { entries, bytes };
      const result = await captured.spotCheck(root, { size, temporary: scratch, livePath: watched, signal });
      const { restored, equalToSource, changedSince, failures } = result;
      const wrong = failures.slice(0, MAX_SHOWN).map(({ path, reason }) => `${path}: ${reason}`);
      const detail = `${restored} entries, ${equalToSource} equal to the live ones, ${changedSince} changed since or not comparable`;
      return { passed: restored > 0 && failures.length === 0, detail: [detail, ...wrong].join("; ") };
    }),
  ];
  onStep("looking for live files that the snapshot lacks");
  checks.push(
    await lookAt("nothing older than the snapshot is missing in it", { signal }, () =>
      lookForMissing(parts, sampled, { signal }),
    ),
  );
  const chosen = databases.slice(0, MAX_DATABASES);
  if (chosen.length > 0) onStep(`opening ${chosen.length} of ${databases.length} databases`);
  for (const path of chosen) {
    checks.push(
      await lookAt(`database ${displayPath(path)}`, { signal }, () => openDatabase(parts, path, scratch, { signal })),
    );
  }
  const isUsable = checks.every(({ passed }) => passed);
  return { checks, usableAfterMs: isUsable ? performance.now() - beganMs : undefined };
}

/**
 * In the folders of the sample, those of the paths, and empty ones in them, as a mount point is whose disk was missing. What was made or
 * changed after the capture, is excluded, or is of no interest to a backup is passed over.
 */
async function lookForMissing(parts: ProveFilesParts, sampled: readonly string[], options: CallOptions): Promise<Seen> {
  const { paths, settings } = parts;
  const seen = { missing: [] as string[], compared: 0, folders: 0, selection: new Selection(selectionRules(settings)) };
  const folders = new Set(sampled.map((path) => dirname(path)).filter((folder) => isBelow(folder, paths)));
  for (const folder of new Set([...paths, ...folders])) await lookInFolder(parts, folder, seen, options);
  for (const path of await absentPaths(parts)) {
    if (isFolder(path)) await compareFolder(parts, { folder: path, stored: new Set() }, seen);
    else if (await wasThere(path, Date.parse(parts.captured.facts.consistentAt), { ...seen, isCompanion: false }))
      seen.missing.push(displayPath(path));
  }
  const { missing, compared } = seen;
  const detail = `${compared} entries in ${seen.folders} folders`;
  const shown =
    missing.length === 0
      ? ""
      : `; missing: ${missing.slice(0, MAX_SHOWN).join(", ")}${missing.length > MAX_SHOWN ? ` and ${missing.length - MAX_SHOWN} more` : ""}`;
  return { passed: missing.length === 0, detail: detail + shown };
}

/** What is found on the way. */
interface Looked {
  readonly missing: string[];
  compared: number;
  folders: number;
  readonly selection: Selection;
}

async function lookInFolder(
  parts: ProveFilesParts,
  folder: string,
  seen: Looked,
  { signal }: CallOptions,
): Promise<void> {
  signal.throwIfAborted();
  if (!isFolder(folder)) return;
  const { captured, root } = parts;
  const entries = await captured.list(`${root}${folder === "/" ? "" : folder}`, { signal });
  await compareFolder(parts, { folder, stored: new Set(entries.map(({ path }) => basename(path))) }, seen);
  for (const { path, type } of entries) {
    if (type !== "folder") continue;
    const inner = join(folder, basename(path));
    signal.throwIfAborted();
    if (!isFolder(inner) || (await captured.list(path, { signal })).length > 0) continue;
    if (seen.selection.oneFileSystem && lstatNs(inner).deviceId !== lstatNs(folder).deviceId) continue;
    await compareFolder(parts, { folder: inner, stored: new Set() }, seen);
  }
}

async function compareFolder(
  { captured, paths }: ProveFilesParts,
  { folder, stored }: { folder: string; stored: ReadonlySet<string> },
  seen: Looked,
): Promise<void> {
  const { selection } = seen;
  const takenAtMs = Date.parse(captured.facts.consistentAt);
  let names: string[];
  try {
    names = selection.withoutTagged(folder, listFolder(folder));
  } catch {
    // The folder is gone, or nobody may look into it: the sample says what became of its files.
    return;
  }
  for (const name of names) {
    const path = join(folder, name);
    if (stored.has(name) || paths.includes(path) || selection.excludesPath(path)) continue;
    if (await wasThere(path, takenAtMs, { selection, isCompanion: isCompanion(name, stored) }))
      seen.missing.push(displayPath(path));
  }
  seen.compared += names.length;
  seen.folders += 1;
}

/** Paths of the settings that are there, and were not when it was captured. */
async function absentPaths({ settings, paths }: ProveFilesParts): Promise<string[]> {
  const there = await Promise.all(settings.paths.map((path) => placeOf(path).catch(() => undefined)));
  return there.filter((path) => path !== undefined && !paths.includes(path)) as string[];
}

/** Not what a link leads to. */
function isFolder(path: string): boolean {
  try {
    return lstatNs(path).type === "dir";
  } catch {
    return false;
  }
}

function isBelow(folder: string, paths: readonly string[]): boolean {
  return paths.some((path) => path === "/" || folder === path || folder.startsWith(`${path}/`));
}

/** What lies beside a database is part of its copy. */
function isCompanion(name: string, stored: ReadonlySet<string>): boolean {
  const ending = COMPANIONS.find((each) => name.endsWith(each));
  return ending !== undefined && stored.has(name.slice(0, -ending.length));
}

async function wasThere(
  path: string,
  takenAtMs: number,
  { selection, isCompanion: isLeftOut }: { selection: Selection; isCompanion: boolean },
): Promise<boolean> {
  if (isLeftOut) return false;
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return false;
  const isTaken = found.isFile() ? !selection.excludesSize(found.size) : found.isDirectory() || found.isSymbolicLink();
  return isTaken && found.ctimeMs < takenAtMs;
}

async function openDatabase(
  { captured, root, title }: ProveFilesParts,
  path: string,
  scratch: string,
  { signal }: CallOptions,
): Promise<Seen> {
  const folder = await mkdtemp(join(scratch, "database-"));
  try {
    await captured.extract(`${root}${path}`, folder, { signal });
    const restored = join(folder, basename(path));
    const { problems } = await runTask({ kind: "check", path: restored, how: "full" }, title, { signal });
    return {
      passed: problems.length === 0,
      detail: problems.length === 0 ? "ok" : problems.slice(0, MAX_SHOWN).join("; "),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
