/** Names of sources in a proposed configuration: short, allowed, and each only once. */
import type { Candidate } from "@holdfast/sources";

const MOST = 64;

export class SourceNames {
  readonly #taken = new Set<string>();

  /** A name for this candidate that was not given before. */
  of({ kind, title, paths }: Pick<Candidate, "kind" | "title" | "paths">): string {
    return this.unique(
      kind === "vm" ? `vm-${lastOf(title)}` : kind === "system" ? "system" : `${kind}-${lastOf(paths[0] ?? title)}`,
    );
  }

  /** The text as a name, with a number where it was given before. */
  unique(text: string): string {
    const name = allowed(text);
    for (let count = 1; ; count++) {
      const ending = count === 1 ? "" : `-${count}`;
      const numbered = name.slice(0, MOST - ending.length).replace(/[._-]+$/, "") + ending;
      if (this.#taken.has(numbered)) continue;
      this.#taken.add(numbered);
      return numbered;
    }
  }
}

/** The last two parts of a path, as `postgresql-15-main` would be three of them. */
function lastOf(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "")
    .slice(-2)
    .join("-");
}

function allowed(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[._-]+|[._-]+$/g, "");
  return name === "" ? "source" : name;
}
