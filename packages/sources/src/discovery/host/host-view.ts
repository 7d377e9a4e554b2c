/**
 * What is known of a host, collected once: plain data, from which finders draw their conclusions. Nothing here asks the system again.
 */
import type { FolderSizes } from "../walk/folder-sizes.ts";
import type { Mark, Unseen } from "../walk/messages.ts";
import type { HostCertificate } from "./certificates.ts";
import type { GitRepository } from "./git-repository.ts";
import type { HostMount } from "./mount-natures.ts";
import type { HostProcess } from "./processes.ts";
import type { TcpListener, UnixListener } from "./sockets.ts";
import type { HostUser } from "./users.ts";

export interface HostView {
  readonly nowMs: number;
  /** The paths that were asked for; empty for the whole host. */
  readonly paths: readonly string[];
  readonly processes: readonly HostProcess[];
  /** Listeners of which it is not known whose they are. */
  readonly tcp: readonly TcpListener[];
  readonly unix: readonly UnixListener[];
  readonly mounts: readonly HostMount[];
  readonly users: readonly HostUser[];
  /** Configuration of other programs, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Programs that captures may need, as far as they are installed. */
  readonly programs: ReadonlySet<string>;
  readonly folders: FolderSizes;
  readonly marks: readonly Mark[];
  readonly certificates: readonly HostCertificate[];
  readonly repositories: readonly GitRepository[];
  /** Files and folders that were looked at. */
  readonly entryCount: number;
  readonly unseen: HiddenParts;
}

/** What this user was not allowed to look at. */
export interface HiddenParts {
  readonly isRoot: boolean;
  /** The first of them, in the order of paths. */
  readonly places: readonly Unseen[];
  readonly placeCount: number;
  /** Processes whose program and sockets belong to somebody else. */
  readonly processes: number;
}
