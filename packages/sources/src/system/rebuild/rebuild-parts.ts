/** What a rebuild is planned from. */
import type { StoredFacts } from "../../contract/facts.ts";
import type { Report } from "../topics/collect.ts";
import type { PathsByClass } from "./captured-files.ts";

export interface RebuildParts {
  readonly report: Report;
  readonly facts: StoredFacts;
  readonly paths: PathsByClass;
  /** Content of captured account files; `undefined` where they were not captured. */
  readonly secrets: { readonly shadow: string | undefined; readonly gshadow: string | undefined };
  /** Packages that somebody installs by hand. */
  readonly without: readonly string[];
}
