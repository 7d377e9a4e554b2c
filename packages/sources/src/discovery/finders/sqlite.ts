/** SQLite databases, by their first bytes. */
import { isWithin } from "@holdfast/base";
import { CRITICALITIES, type Criticality, type Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import { above } from "../walk/folder-sizes.ts";
import type { Mark } from "../walk/messages.ts";

/** In one folder. */
const MOST_BY_THEMSELVES = 10;
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

/** One for each file; where many lie in one folder, as one for each customer, one for all of them. */
export function findSqlite(view: HostView): Finding[] {
  const folders = new Map<string, Mark[]>();
  for (const mark of view.marks) {
    if (mark.what !== "sqlite") continue;
    const folder = above(mark.path);
    const marks = folders.get(folder);
    // Not copied each time: some applications keep a hundred thousand in one folder.
    if (marks === undefined) folders.set(folder, [mark]);
    else marks.push(mark);
  }
  return [...folders].flatMap(([folder, marks]) =>
    marks.length > MOST_BY_THEMSELVES ? ofMany(view, folder, marks) : marks.map((mark) => ofFile(view, mark)),
  );
}

function ofFile(view: HostView, mark: Mark): Finding {
  const [criticality, reason] = judged(view, mark);
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
    settings: { path: mark.path },
  };
}

/** Sources of files copy the databases among them as they are at one moment. */
function ofMany(view: HostView, folder: string, marks: readonly Mark[]): Finding {
  const [criticality, reason] = marks
    .map((mark) => judged(view, mark))
    .reduce((worst, each) => (CRITICALITIES.indexOf(each[0]) < CRITICALITIES.indexOf(worst[0]) ? each : worst));
  return {
    id: `files:${folder}#sqlite`,
    category: "sqlite",
    kind: "files",
    title: `${marks.length} SQLite databases`,
    paths: marks.map(({ path }) => path),
    confidence: "certain",
    evidence: `files in ${folder} begin as SQLite databases do`,
    criticality,
    reason,
    settings: { paths: [folder] },
  };
}

function judged(view: HostView, { path, changedMs }: Mark): [Criticality, string] {
  const isFresh = view.nowMs - changedMs < WEEK_MS;
  const home = view.users.find((user) => user.isPerson && user.home !== "/" && isWithin(path, user.home))?.home;
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
