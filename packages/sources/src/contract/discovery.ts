/** Finding what there is on a host. */

/** The host that is looked at. */
export interface Host {
  /** `/`, or where another system's files are mounted: then nothing of it runs here. */
  readonly root: string;
  /** Programs of the host may be asked, and its sockets: true only for this machine's own root. */
  readonly isLive: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export type Criticality = "critical" | "important" | "standard" | "reproducible";

/** Something that was found. */
export interface Candidate {
  readonly kind: string;
  /** What tells it from others of its kind on this host, and is the same next time: a socket, a data folder, a path. */
  readonly identity: string;
  /** For people, such as `PostgreSQL 15 (main) at /var/lib/postgresql/15/main`. */
  readonly title: string;
  /** Folders and files that hold it; what a files source may cover in part. */
  readonly paths: readonly string[];
  /** `undefined` when it could not be found out. */
  readonly sizeBytes: number | undefined;
  /** How sure it is that there is such a thing. */
  readonly confidence: "certain" | "likely" | "possible";
  readonly criticality: Criticality;
  /** Why it has this criticality, in one sentence. */
  readonly reason: string;
  /** What a consistent capture needs and does not have yet: credentials, tools, rights. */
  readonly needs: readonly string[];
  /** Copying its files while it runs gives nothing that is sure to open. */
  readonly needsOwnCapture: boolean;
  /** Settings for the configuration, as far as they are known; `undefined` when there is no such kind of source. */
  readonly settings: Readonly<Record<string, unknown>> | undefined;
}
