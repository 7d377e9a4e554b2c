/** Looks at this machine, or at some of its folders, and shows how far it is. */
import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "@holdfast/base";
import { decodePath, displayPath, fsPath } from "@holdfast/engine";
import { type Candidate, type HostView, collectHost, findCandidates } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { phasedProgress } from "../output/phased-progress.ts";
import { showProgress } from "../output/progress.ts";

export interface Surroundings {
  readonly view: HostView;
  readonly candidates: readonly Candidate[];
  /** What was looked at: absolute, without links. */
  readonly paths: readonly string[];
  readonly elapsedMs: number;
}

/** @throws CLI_FILE_UNREADABLE and CLI_NOT_A_FOLDER for a folder that was named */
export async function lookAround(
  { args, options, output, variables, signal }: CommandContext,
  { root }: { readonly root?: string | undefined } = {},
): Promise<Surroundings> {
  const startedMs = performance.now();
  const base = root === undefined ? "" : realFolder(resolve(root)).replace(/\/$/, "");
  const paths = args.map(
    (path) => realFolder(`${base}${base === "" ? resolve(path) : resolve("/", path)}`).slice(base.length) || "/",
  );
  let entries = 0;
  const view = phasedProgress({ walk: ["looking around", "files and folders"] }, () => ({
    phase: "walk",
    done: entries,
    total: 0,
  }));
  // As JSON the result is one document.
  const shown = output.settings.json ? undefined : showProgress(view, output, variables);
  try {
    const host = await collectHost({
      paths: [...new Set(paths)],
      root: base,
      withRemote: options.flag("remote"),
      nowMs: Date.now(),
      isRoot: process.getuid?.() === 0,
      signal,
      onProgress: (count) => (entries = count),
    });
    return {
      view: host,
      candidates: findCandidates(host),
      paths: host.paths,
      elapsedMs: performance.now() - startedMs,
    };
  } finally {
    shown?.stop();
  }
}

/** Says on standard error what this user may not look at. */
export function tellHidden({ output }: CommandContext, { unseen }: HostView): void {
  const { isRoot, places, placeCount, processes } = unseen;
  const [first] = places;
  const parts = [
    ...(first === undefined
      ? []
      : [
          `${placeCount === 1 ? "a place" : `${placeCount} places`} could not be looked at, such as ${displayPath(first.path)} (${first.code})`,
        ]),
    ...(processes === 0 || isRoot ? [] : [`of ${processes} processes of others only the command line was seen`]),
  ];
  if (parts.length > 0) output.message(`${parts.join("; ")}${isRoot ? "" : ". Run it as root to see everything"}`);
}

function realFolder(path: string): string {
  let real: string;
  let isFolder: boolean;
  try {
    real = decodePath(realpathSync(fsPath(path), "buffer"));
    isFolder = statSync(fsPath(real)).isDirectory();
  } catch (error) {
    throw cliError(
      "CLI_FILE_UNREADABLE",
      { what: "the folder", path: displayPath(path), reason: messageOf(error) },
      error,
    );
  }
  if (!isFolder) throw cliError("CLI_NOT_A_FOLDER", { what: displayPath(path) });
  return real;
}
