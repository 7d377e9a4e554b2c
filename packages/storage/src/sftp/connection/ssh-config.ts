/**
 * What the user's and the system's configuration of `ssh` say of a host. The text is parsed by `ssh-config`; which sections
 * apply is decided here, as that package would run commands of the file (`Match exec`) and look up names.
 */
import { glob as globFiles, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { type Line, LineType, parse } from "ssh-config";
import { storageError } from "../../errors.ts";
import { matchesPatterns } from "./patterns.ts";

const MOST_INCLUDES = 16;

/** Directives that add up; of all others the first one counts. */
const REPEATABLE = new Set(["identityfile", "certificatefile"]);

/** Values by directive, in lower case. */
export type SshDirectives = ReadonlyMap<string, readonly string[]>;

export interface ConfigQuestion {
  /** As the user wrote the host. */
  readonly alias: string;
  /** Given in the address, which counts more than any file. */
  readonly user: string | undefined;
  readonly localUser: string;
  readonly home: string;
}

/** One file of configuration, and where what it includes lies. */
export interface ConfigFile {
  readonly path: string;
  readonly includesFrom: string;
}

/**
 * Reads files in order. Sections apply by `Host`, and by `Match` with `all`, `host`, `originalhost`, `user` and `localuser`; a
 * `Match` with anything else (`exec`, `canonical`, `final` …) never does.
 * @throws STORAGE_FAILED for a file that cannot be read or understood; one that is missing is empty
 */
export async function sshDirectives(files: readonly ConfigFile[], question: ConfigQuestion): Promise<SshDirectives> {
  const found = new Map<string, string[]>();
  for (const file of files) await applyFile(file, question, found, 0);
  return found;
}

async function applyFile(
  { path, includesFrom }: ConfigFile,
  question: ConfigQuestion,
  found: Map<string, string[]>,
  depth: number,
): Promise<void> {
  try {
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
    if (text === undefined) return;
    if (depth > MOST_INCLUDES) throw new Error("too many files include each other");
    await applyLines(parse(text), { includesFrom, question, found, depth });
  } catch (error) {
    const reason = `the configuration of ssh cannot be used: ${messageOf(error)}`;
    throw storageError("STORAGE_FAILED", { location: path, reason }, error);
  }
}

interface Applying {
  readonly includesFrom: string;
  readonly question: ConfigQuestion;
  readonly found: Map<string, string[]>;
  readonly depth: number;
}

async function applyLines(lines: Iterable<Line>, applying: Applying): Promise<void> {
  const { question, found, depth, includesFrom } = applying;
  for (const line of lines) {
    if (line.type !== LineType.DIRECTIVE) continue;
    const name = line.param.toLowerCase();
    const values = typeof line.value === "string" ? [line.value] : line.value.map(({ val }) => val);
    if (name === "host") {
      if ("config" in line && matchesPatterns(values, question.alias)) await applyLines(line.config, applying);
    } else if (name === "match") {
      if ("config" in line && matches(values, applying)) await applyLines(line.config, applying);
    } else if (name === "include") {
      for (const pattern of values) {
        const whole = inHome(pattern, question.home);
        const files = await Array.fromAsync(globFiles(isAbsolute(whole) ? whole : join(includesFrom, whole)));
        for (const path of files.toSorted()) await applyFile({ path, includesFrom }, question, found, depth + 1);
      }
    } else if (!found.has(name)) {
      found.set(name, [...values]);
    } else if (REPEATABLE.has(name)) {
      found.get(name)?.push(...values);
    }
  }
}

/** The words of a `Match`. */
function matches(words: readonly string[], { question, found }: Applying): boolean {
  const subjects = new Map([
    ["host", found.get("hostname")?.[0] ?? question.alias],
    ["originalhost", question.alias],
    ["user", question.user ?? found.get("user")?.[0] ?? question.localUser],
    ["localuser", question.localUser],
  ]);
  for (let at = 0; at < words.length; at++) {
    const word = (words[at] as string).toLowerCase();
    if (word === "all") continue;
    const isNegated = word.startsWith("!");
    const subject = subjects.get(isNegated ? word.slice(1) : word);
    const patterns = words[++at];
    if (subject === undefined || patterns === undefined) return false;
    if (matchesPatterns(patterns.split(","), subject) === isNegated) return false;
  }
  return words.length > 0;
}

/** A path with `~/` at its front, whole. */
export function inHome(path: string, home: string): string {
  if (path === "~") return home;
  return path.startsWith("~/") ? join(home, path.slice(2)) : path;
}
