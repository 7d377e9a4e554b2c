/** SQLite databases, by their first bytes. */
import type { Criticality, Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import { isWithin } from "../../host/within.ts";
import type { Mark } from "../walk/messages.ts";

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/** What programs make again by themselves. */
const MADE_AGAIN: readonly (readonly [path: RegExp, why: string])[] = [
  [/^\/var\/lib\/(PackageKit|dnf|rpm|dpkg|yum|swcatalog|app-info)\//, "the package manager makes it again"],
  [
    /^\/var\/lib\/(colord|sss|NetworkManager|fwupd|plocate|mlocate|man-db|geoclue|upower)\//,
    "its service makes it again",
  ],
  [/^\/var\/lib\/fail2ban\//, "bans that are over soon"],
  [/\/\.git\/|\/(Cache|cache|CachedData|GPUCache|Code Cache|ShaderCache|Service Worker)\//, "a cache"],
  [/\/(favicons|places\.sqlite-corrupt|thumbnails[^/]*|icon-cache[^/]*)$/i, "a cache"],
];

/** One for each file. */
export function findSqlite(view: HostView): Finding[] {
  const people = view.users.filter(({ isPerson }) => isPerson);
  return view.marks
    .filter(({ what }) => what === "sqlite")
    .map((mark): Finding => {
      const isFresh = view.nowMs - mark.changedMs < WEEK_MS;
      const home = people.find(({ home: folder }) => isWithin(mark.path, folder))?.home;
      const [criticality, reason] = judged(mark, { home, isFresh });
      return {
        id: `sqlite:${mark.path}`,
        category: "sqlite",
        kind: "sqlite",
        title: mark.path,
        paths: [mark.path],
        confidence: "certain",
        evidence: `begins as SQLite databases do; writes with a ${mark.detail}`,
        criticality,
        reason,
        needs: [],
        settings: { path: mark.path },
      };
    });
}

function judged(
  { path }: Mark,
  { home, isFresh }: { home: string | undefined; isFresh: boolean },
): [Criticality, string] {
  const again = MADE_AGAIN.find(([pattern]) => pattern.test(path));
  if (again !== undefined) return ["replaceable", again[1]];
  if (home !== undefined) {
    const isHidden = /\/\./.test(path.slice(home.length));
    return isHidden
      ? ["normal", "kept by a program of this user, such as a browser or a messenger"]
      : ["important", "a database among the files of a person"];
  }
  return isFresh
    ? ["critical", "an application wrote to it within the last week"]
    : ["important", "a database that nothing has written to for a week"];
}
