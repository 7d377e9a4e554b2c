/** Collects what is known of a host. Everything is read, nothing is asked of anybody: no program is started, no socket opened. */
import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { isWithin } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { walk } from "../walk/walk.ts";
import { readCertificates } from "./certificates.ts";
import { type GitRepository, readGitRepository } from "./git-repository.ts";
import type { HostView } from "./host-view.ts";
import { installedPrograms } from "./installed-programs.ts";
import { readKnownTexts } from "./known-texts.ts";
import { type HostMount, judgedMounts, mountOf, withSizes } from "./mount-natures.ts";
import { type ProcessFindings, readProcesses } from "./processes.ts";
import { kernelText } from "./quiet-reads.ts";
import { textOf } from "./read-start.ts";
import { parseUsers } from "./users.ts";
import { placesToLook } from "./where-to-look.ts";

export interface CollectOptions extends CallOptions {
  /** Only these folders, absolute and without links. Default: all local file systems. */
  readonly paths?: readonly string[];
  /** Another system, such as the disk of a machine that died, mounted in this folder; its paths are told without it. Has no processes. */
  readonly root?: string;
  /** Where processes are shown, with `root`. */
  readonly proc?: string;
  /** Also what is mounted over a network. */
  readonly withRemote?: boolean;
  readonly nowMs: number;
  readonly isRoot: boolean;
  /** Told now and then: so many files and folders were looked at by now. */
  readonly onProgress?: (entries: number) => void;
}

const NO_PROCESSES: ProcessFindings = { processes: [], tcp: [], unix: [], hidden: 0 };

/** What cannot be looked at is part of the view, and no error. An abort ends all threads. */
export async function collectHost(options: CollectOptions): Promise<HostView> {
  const { paths = [], root = "", withRemote = false, nowMs, isRoot, signal, onProgress } = options;
  const proc = options.proc ?? (root === "" ? "/proc" : undefined);
  const running = proc === undefined ? NO_PROCESSES : readProcesses(proc);
  const mounts = hostMounts(root, options.proc);
  const users = parseUsers(textOf(`${root}/etc/passwd`, 4 * 1024 * 1024) ?? "");
  const texts = readKnownTexts(root);
  const places = placesToLook({ mounts, users, processes: running.processes, texts, paths, withRemote });
  const walked = await walk(
    places.starts,
    { root, nowMs, ...places },
    { signal, ...(onProgress === undefined ? {} : { onProgress }) },
  );
  const { folders, marks, unseen, unseenCount, entries } = walked;
  const certificateFiles = marks.filter(({ what }) => what === "pem").map(({ path }) => path);
  const repositories: GitRepository[] = [];
  for (const { path, detail } of marks.filter(({ what }) => what === "git")) {
    // Somebody may have thousands of them, and an interruption must not wait for the last.
    await setImmediate(undefined, { signal });
    const found = readGitRepository(path, { root, isBare: detail === "bare" });
    if (found !== undefined) repositories.push(found);
  }
  return {
    nowMs,
    paths,
    processes: running.processes,
    tcp: running.tcp,
    unix: running.unix,
    mounts,
    users: users.filter(({ home }) => isLookedAt(home, { mounts, paths, withRemote }) && existsSync(root + home)),
    texts,
    programs: installedPrograms(root),
    folders,
    marks,
    certificates: readCertificates(certificateFiles, root),
    repositories,
    entryCount: entries,
    unseen: { isRoot, places: unseen, placeCount: unseenCount, processes: running.hidden },
  };
}

/** A server that is gone never answers, and an automounter mounts what it is asked for. */
function isLookedAt(
  path: string,
  { mounts, paths, withRemote }: { mounts: readonly HostMount[]; paths: readonly string[]; withRemote: boolean },
): boolean {
  const nature = mountOf(path, mounts)?.nature;
  if (nature === "pseudo" || nature === "remote") {
    return (nature === "remote" && withRemote) || paths.some((asked) => isWithin(path, asked));
  }
  return true;
}

/** With `root`, what is mounted below it, and it itself. */
function hostMounts(root: string, proc: string | undefined): HostMount[] {
  const mounts = withSizes(judgedMounts(kernelText(`${proc ?? "/proc"}/self/mountinfo`)), root);
  if (root === "" || proc !== undefined) return mounts;
  const below = mounts
    .filter(({ point }) => isWithin(point, root))
    .map((mount) => ({ ...mount, point: mount.point.slice(root.length) || "/" }));
  const itself: HostMount = {
    point: "/",
    type: "",
    device: root,
    nature: "local",
    totalBytes: undefined,
    usedBytes: undefined,
  };
  return below.some(({ point }) => point === "/") ? below : [itself, ...below];
}
