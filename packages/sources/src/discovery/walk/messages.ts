/** What the walk and its threads tell each other. */

/** Something in a folder that finders want to know of. */
export type MarkKind =
  | "sqlite"
  | "postgres-data"
  | "mysql-data"
  | "redis-data"
  | "etcd-data"
  | "mongodb-data"
  | "lmdb-data"
  | "ldap-configuration"
  | "git"
  | "maildir"
  | "compose"
  | "disk-image"
  | "pem"
  | "backup-repository";

export interface Mark {
  readonly what: MarkKind;
  /** The folder, or the file for `sqlite`, `compose`, `disk-image` and `pem`. */
  readonly path: string;
  /** Of a file; 0 of a folder, whose size is known when the walk has ended. */
  readonly sizeBytes: number;
  /** Milliseconds since 1970; 0 of a folder. */
  readonly changedMs: number;
  /** What was seen: `wal`, `qcow2`, `bare`. */
  readonly detail: string;
}

/** What lies in a folder itself, and in those below it that have no row of their own. */
export interface FolderRow {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** Of these, in files that changed within the last day, and within the last seven days. */
  readonly dayBytes: number;
  readonly weekBytes: number;
}

/** A folder, or a file, that could not be looked at. */
export interface Unseen {
  readonly path: string;
  /** As the system names it: `EACCES`. */
  readonly code: string;
}

/** A folder that waits, and the folder in whose row it counts. */
export interface PendingFolder {
  readonly path: string;
  readonly row: string;
  /** Only its size is wanted: it belongs to something that is known already. */
  readonly isPlain: boolean;
}

/** What every thread knows from its start. */
export interface WalkSettings {
  /** Stands before each path when it is read; empty for this system itself. */
  readonly root: string;
  readonly nowMs: number;
  /** Folders that are not gone into. */
  readonly skipPatterns: readonly string[];
  /** Where other file systems are mounted, and where a walk begins anyway: not gone into from above. */
  readonly boundaries: readonly string[];
  /** Folders that get a row however deep they are. */
  readonly ownRows: readonly string[];
}

export type WalkTask = readonly PendingFolder[];

export interface WalkResult {
  readonly rows: readonly FolderRow[];
  readonly marks: readonly Mark[];
  readonly unseen: readonly Unseen[];
  /** How many there were in all, of which `unseen` names the first. */
  readonly unseenCount: number;
  /** What is still to be gone through. */
  readonly rest: readonly PendingFolder[];
  readonly entries: number;
}
