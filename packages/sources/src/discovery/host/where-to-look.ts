/** Where a walk begins, and what it leaves out. Pure. */
import { isWithin } from "@holdfast/base";
import { PatternSet, REPRODUCIBLE_IN_HOMES, REPRODUCIBLE_NAMES, escapePattern } from "@holdfast/engine";
import { dockerFolder } from "./docker-folder.ts";
import type { HostMount } from "./mount-natures.ts";
import type { HostProcess } from "./processes.ts";
import type { HostUser } from "./users.ts";

/** What packages bring and can bring again, what is gone after a restart, and layers that container engines make from images. */
const OF_THE_SYSTEM = [
  "/usr/*",
  "!/usr/local",
  ...["bin", "sbin", "lib", "lib32", "lib64", "libx32", "boot", "dev", "proc", "sys", "run", "tmp", "snap"].map(
    (name) => `/${name}`,
  ),
  ...["tmp", "cache", "run", "lock"].map((name) => `/var/${name}`),
  ...["dpkg", "apt", "rpm", "snapd", "lxcfs", "containerd", "systemd/coredump", "ucf", "command-not-found"].map(
    (name) => `/var/lib/${name}`,
  ),
  "/var/lib/containers/storage/overlay*",
  "/home/*/.local/share/containers/storage/overlay*",
  ...layersOf("/home/*/.local/share/docker"),
];
const ANYWHERE = [...REPRODUCIBLE_NAMES, "lost+found", ".Trash-*"];

export interface Places {
  readonly starts: readonly string[];
  readonly skipPatterns: readonly string[];
  readonly boundaries: readonly string[];
  readonly ownRows: readonly string[];
}

interface Facts {
  readonly mounts: readonly HostMount[];
  readonly users: readonly HostUser[];
  readonly processes: readonly HostProcess[];
  readonly texts: ReadonlyMap<string, string>;
  /** What the user asked for; empty for the whole host. */
  readonly paths: readonly string[];
  /** Also what is mounted over a network. */
  readonly withRemote: boolean;
}

/** What Docker has beside volumes. */
function layersOf(folder: string): string[] {
  return ["overlay2", "image", "buildkit", "tmp", "aufs", "devicemapper", "btrfs", "zfs", "fuse-overlayfs"].map(
    (name) => `${folder}/${name}`,
  );
}

/** What was asked for is walked through whatever it is; below it, and without it, only what holds data of this machine. */
export function placesToLook({ mounts, users, processes, texts, paths, withRemote }: Facts): Places {
  const people = users.filter(({ isPerson }) => isPerson).map(({ home }) => home);
  const inHomes = ["/home/*", ...people.filter((home) => home !== "/").map(escapePattern)].flatMap((home) =>
    REPRODUCIBLE_IN_HOMES.map((path) => `${home}/${path}`),
  );
  const skipPatterns = [
    ...(paths.length === 0 ? [...OF_THE_SYSTEM, ...layersOf(escapePattern(dockerFolder(texts)))] : []),
    ...ANYWHERE,
    ...inHomes,
  ];
  const skipped = PatternSet.parse(skipPatterns);
  const points = mounts
    .filter(({ nature }) => nature === "local" || (withRemote && nature === "remote"))
    .map(({ point }) => point)
    .filter((point) => paths.length === 0 || paths.some((path) => isWithin(point, path)))
    .filter((point) => point === "/" || !skipped.matches(point));
  const starts = [...new Set([...withoutNested(paths, mounts), ...points])];
  return {
    starts,
    skipPatterns,
    boundaries: [...new Set([...mounts.map(({ point }) => point), ...starts])],
    ownRows: [...new Set([...users.map(({ home }) => home), ...namedPaths(processes, texts)])],
  };
}

/** A folder in another one that is asked for as well would be counted twice, unless it is mounted there. */
function withoutNested(paths: readonly string[], mounts: readonly HostMount[]): string[] {
  const points = new Set(mounts.map(({ point }) => point));
  return paths.filter((path) => points.has(path) || !paths.some((other) => other !== path && isWithin(path, other)));
}

/** Paths that command lines and configurations name: somebody may want to know how large they are. */
function namedPaths(processes: readonly HostProcess[], texts: ReadonlyMap<string, string>): string[] {
  const words = processes.flatMap(({ args, folder }) => [...args, folder ?? ""]);
  return [...words, ...texts.values()].flatMap((text) => text.match(/(?<![\w.-])\/[\w.@%+~/-]*[\w@%+~-]/g) ?? []);
}
