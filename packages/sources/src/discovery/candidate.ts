/** What discovery proposes to protect. */

/** From what hurts most to what can be had again. */
export const CRITICALITIES = ["critical", "important", "normal", "replaceable"] as const;
export type Criticality = (typeof CRITICALITIES)[number];

/** What something is, for people; several kinds of sources may capture the same. */
export const CATEGORIES = [
  "database",
  "sqlite",
  "virtual machine",
  "containers",
  "mail",
  "web",
  "home",
  "system",
  "certificate",
  "git",
  "application",
  "data",
  "backup",
] as const;
export type Category = (typeof CATEGORIES)[number];

export type Confidence = "certain" | "likely" | "possible";

/** Something that a consistent capture needs. */
export interface Need {
  readonly what: "tool" | "credentials" | "rights" | "preparation";
  /** One sentence, or the name of the program. */
  readonly detail: string;
  /** For a tool: whether it is here, and the Debian package that brings it. */
  readonly isThere?: boolean;
  readonly package?: string;
}

/** Bytes in files that changed lately. What a database writes into the same file again and again counts as the whole file. */
export interface Growth {
  readonly dayBytes: number;
  readonly weekBytes: number;
}

export interface Candidate {
  /** The same at each run as long as it is the same thing: `postgres:/var/lib/postgresql/15/main`. */
  readonly id: string;
  readonly category: Category;
  /** The kind of source that captures it. This build may lack it. */
  readonly kind: string;
  /** For people: `PostgreSQL 15, port 5432`. */
  readonly title: string;
  /** Where its data lies on this machine; empty where that cannot be known. */
  readonly paths: readonly string[];
  /** `undefined` where it was not measured, or may not be looked at. */
  readonly sizeBytes: number | undefined;
  readonly growth: Growth | undefined;
  readonly confidence: Confidence;
  /** Why it is taken for that. */
  readonly evidence: string;
  readonly criticality: Criticality;
  /** Why it is taken to be so critical. */
  readonly reason: string;
  readonly needs: readonly Need[];
  /** Of the source, besides its kind, as they would stand in the configuration. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What a source of the kind `command` would run to capture it, where this build has no kind of its own for it. */
  readonly command?: readonly string[];
  /** Nothing changes it now, as its server does not run: plain copies of its files are consistent. */
  readonly isAtRest?: boolean;
  /** The id of the container that it runs in: how it is reached from outside of that is not known. */
  readonly container?: string;
  /** It lies in what another candidate captures as it should be captured: the id of that one. */
  readonly within?: string;
}

/** A candidate, as a finder makes it: what it does not say is worked out from the view. */
export type Finding = Omit<Candidate, "sizeBytes" | "growth" | "needs" | "settings"> &
  Partial<Pick<Candidate, "sizeBytes" | "growth" | "needs" | "settings">>;
