/** Which entries of a snapshot a restore takes. One instance per thread, since patterns remember where they last were. */
import { PatternSet, selectFromAny } from "../patterns/pattern-set.ts";

/** Patterns of one command-line option, as plain data. Matched on paths inside what is restored, which start with "/". */
export interface PatternLines {
  readonly lines: readonly string[];
  readonly ignoreCase: boolean;
}

/** What is taken; plain data, so that it can be handed to workers. */
export interface SelectionRules {
  /** Only what one of these matches. All empty: everything. */
  readonly includes: readonly PatternLines[];
  /** Left out, with all that is below. Applies to what the includes selected. */
  readonly excludes: readonly PatternLines[];
  /** Exactly these paths and what is below them; for many files, where patterns would be slow. */
  readonly paths: readonly string[] | undefined;
  /** Never touched, whatever else is said: no entry at or below these paths, and nothing takes the place of a folder above. */
  readonly spared?: readonly string[];
}

/** What is to be done with one entry. */
export interface Selected {
  /** The entry itself is restored. */
  readonly selected: boolean;
  /** It is a folder, and something in it may be selected. */
  readonly descend: boolean;
}

const NOTHING: Selected = { selected: false, descend: false };

export class RestoreSelection {
  readonly #includes: readonly PatternSet[];
  readonly #excludes: readonly PatternSet[];
  readonly #paths: ReadonlySet<string> | undefined;
  readonly #foldersAbove: ReadonlySet<string>;
  readonly #spared: readonly string[];

  /** @throws ENGINE_PATTERN_INVALID */
  constructor(rules: SelectionRules) {
    this.#includes = parseSets(rules.includes);
    this.#excludes = parseSets(rules.excludes);
    this.#paths = rules.paths === undefined ? undefined : new Set(rules.paths);
    this.#foldersAbove = foldersAbove(rules.paths ?? []);
    this.#spared = rules.spared ?? [];
  }

  /** True when everything is taken. */
  get isAll(): boolean {
    return this.#includes.length === 0 && this.#excludes.length === 0 && this.#paths === undefined;
  }

  /** @param path begins with "/" */
  select(path: string, isFolder: boolean): Selected {
    if (this.#spared.length > 0 && this.#spares(path, isFolder)) return NOTHING;
    if (this.#excludes.some((set) => set.matches(path))) return NOTHING;
    let selected = true;
    let descend = isFolder;
    if (this.#includes.length > 0) {
      const inclusion = selectFromAny(this.#includes, path);
      selected = inclusion.selected;
      descend = isFolder && inclusion.mayHoldSelected;
    }
    if (this.#paths !== undefined) {
      const named = this.#isNamed(path);
      selected &&= named;
      descend &&= named || this.#foldersAbove.has(path);
    }
    return { selected, descend };
  }

  #spares(path: string, isFolder: boolean): boolean {
    return this.#spared.some(
      (spared) => path === spared || path.startsWith(`${spared}/`) || (!isFolder && spared.startsWith(`${path}/`)),
    );
  }

  #isNamed(path: string): boolean {
    for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) {
      if (this.#paths?.has(path.slice(0, at)) === true) return true;
    }
    return false;
  }
}

function parseSets(sets: readonly PatternLines[]): PatternSet[] {
  return sets.map(({ lines, ignoreCase }) => PatternSet.parse(lines, { ignoreCase })).filter((set) => !set.isEmpty);
}

function foldersAbove(paths: readonly string[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}
