/** Views of hosts that are made up, for finders, which know nothing but the view. */
import type { HostView } from "../../src/discovery/host/host-view.ts";
import type { HostProcess } from "../../src/discovery/host/processes.ts";
import { FolderSizes } from "../../src/discovery/walk/folder-sizes.ts";
import type { Mark, MarkKind } from "../../src/discovery/walk/messages.ts";

export const NOW_MS = Date.UTC(2026, 10, 29, 12);
export const DAY_MS = 24 * 60 * 60 * 1000;

type Changes = Partial<Omit<HostView, "folders">> & {
  /** Bytes of folders, each without what is below it. */
  readonly sizes?: Readonly<Record<string, number>>;
};

/** A host on which nothing is but what is given. */
export function madeView({ sizes = {}, ...changes }: Changes = {}): HostView {
  const rows = Object.entries(sizes).map(([path, bytes]) => ({
    path,
    files: 30,
    bytes,
    dayBytes: 0,
    weekBytes: bytes / 2,
  }));
  return {
    nowMs: NOW_MS,
    paths: [],
    processes: [],
    tcp: [],
    unix: [],
    mounts: [],
    users: [],
    texts: new Map(),
    programs: new Set(),
    folders: FolderSizes.from(rows),
    marks: [],
    certificates: [],
    repositories: [],
    entryCount: 0,
    unseen: { isRoot: true, places: [], placeCount: 0, processes: 0 },
    ...changes,
  };
}

/** A process that listens on nothing, and belongs to root. */
export function madeProcess(program: string, args: readonly string[], changes: Partial<HostProcess> = {}): HostProcess {
  return {
    pid: 100,
    program,
    names: [program],
    path: undefined,
    args: [program, ...args],
    uid: 0,
    folder: undefined,
    tcp: [],
    unix: [],
    container: undefined,
    ...changes,
  };
}

export function mark(what: MarkKind, path: string, changes: Partial<Mark> = {}): Mark {
  return { what, path, sizeBytes: 0, changedMs: 0, detail: "", ...changes };
}

/** A listener on this machine alone. */
export const tcp = (port: number, uid = 0) => ({ inode: `${port}`, uid, address: "127.0.0.1", port });
export const unix = (path: string) => ({ inode: path, path });
