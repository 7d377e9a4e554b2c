/**
 * Which lines of a report a rebuild may act on. The report comes from a repository, and others may have written to it: a line that
 * could be read as anything but what it should be is left out, and named.
 */
import { GROUPS, USERS } from "../topics/accounts.ts";
import type { Report } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";
import { CONFFILES } from "../capture/layout.ts";
import { UNITS, UNIT_LINKS } from "../topics/services.ts";
import { ARCHITECTURES, DIVERSIONS, HELD, MANUAL } from "../topics/software.ts";

const STATOVERRIDE = "statoverride.txt";
/** What the kernel can count to, but for the last, which means none. */
const MAX_ID = 2 ** 32 - 2;

export interface SoundLines {
  /** As in passwd, with the state of the password as the second field. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly manual: readonly string[];
  readonly held: readonly string[];
  readonly architectures: readonly string[];
  readonly diversions: readonly { readonly path: string; readonly to: string }[];
  readonly statoverride: readonly string[];
  /** Configuration of packages that the administrator has deleted. */
  readonly removed: readonly string[];
  readonly units: readonly string[];
  readonly unitLinks: readonly string[];
  /** Files of the report in which lines were left out. */
  readonly leftOut: readonly string[];
}

/** For a name in passwd and group: neither an option nor a word of the old form that asks a directory (`+`). */
const NAME = String.raw`[^-+:/\s\p{C}][^:/\s\p{C}]*`;
const USER = new RegExp(String.raw`^${NAME}:[a-z]+:(\d{1,10}):(\d{1,10}):[^:\p{C}]*:([^:\p{C}]*):[^:\p{C}]*$`, "u");
const GROUP = new RegExp(String.raw`^${NAME}:x:(\d{1,10}):([^-:\s\p{C}][^:\s\p{C}]*)?$`, "u");
const PACKAGE = /^[a-z0-9][a-z0-9+.-]* [a-z0-9][a-z0-9-]*$/;
const ARCHITECTURE = /^[a-z0-9][a-z0-9-]*$/;
/** Names of units, and of links to them: `multi-user.target.wants/app.service`. */
const UNIT = /^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*(\/[A-Za-z0-9:_.\\@-]+)?$/;
const OWNED = /^(\S+) (\S+) [0-7]{1,5} (\/.*)$/;

export function soundLines(report: Report): SoundLines {
  const leftOut = new Set<string>();
  const take = <T>(file: string, parse: (line: string) => T | undefined): T[] =>
    linesOf(report.get(file) ?? "").flatMap((line) => {
      const parsed = parse(line);
      if (parsed === undefined) leftOut.add(file);
      return parsed === undefined ? [] : [parsed];
    });
  const fitting = (file: string, pattern: RegExp, word = (line: string): string => line): string[] =>
    take(file, (line) => (pattern.test(word(line)) ? word(line) : undefined));
  const firstWord = (line: string): string => line.split(" ")[0] as string;

  const users = take(USERS, (line) => {
    const [, uid, gid, home = ""] = USER.exec(line) ?? [];
    return isId(uid) && isId(gid) && (home === "" || !home.startsWith("/") || isSoundPath(home)) ? line : undefined;
  });
  const groups = take(GROUPS, (line) => (isId(GROUP.exec(line)?.[1]) ? line : undefined));
  const [userNames, groupNames] = [users, groups].map((lines) => new Set(lines.map((line) => line.split(":")[0])));
  // A name that nobody has keeps dpkg from doing anything at all.
  const isKnown = (names: ReadonlySet<string | undefined> | undefined, name = ""): boolean =>
    names?.has(name) === true || (/^#\d+$/.test(name) && isId(name.slice(1)));
  return {
    users,
    groups,
    manual: fitting(MANUAL, PACKAGE),
    held: fitting(HELD, PACKAGE),
    architectures: fitting(ARCHITECTURES, ARCHITECTURE),
    diversions: take(DIVERSIONS, (line) => {
      const [, path = "", to = ""] = /^(\/\S*) (\/\S*)$/.exec(line) ?? [];
      return isSoundPath(path) && isSoundPath(to) ? { path, to } : undefined;
    }),
    statoverride: take(STATOVERRIDE, (line) => {
      const [, user, group, path = ""] = OWNED.exec(line) ?? [];
      return isSoundPath(path) && isKnown(userNames, user) && isKnown(groupNames, group) ? line : undefined;
    }),
    removed: take(CONFFILES, (line) => {
      if (!line.startsWith("missing ")) return "";
      return isSoundPath(line.slice(8)) ? line.slice(8) : undefined;
    }).filter((path) => path !== ""),
    units: fitting(UNITS, UNIT, firstWord),
    unitLinks: fitting(UNIT_LINKS, UNIT, firstWord),
    leftOut: [...leftOut],
  };
}

function isId(text: string | undefined): boolean {
  return text !== undefined && Number(text) <= MAX_ID;
}

/** Absolute, in one line, and without a way back up. */
function isSoundPath(path: string): boolean {
  return (
    path.startsWith("/") &&
    !/\p{Cc}/u.test(path) &&
    !path
      .slice(1)
      .split("/")
      .some((part) => ["", ".", ".."].includes(part))
  );
}
