/** Home folders of people. */
import { basename } from "node:path";
import { REPRODUCIBLE_IN_HOMES, REPRODUCIBLE_NAMES } from "@holdfast/engine";
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";

/** Below both, a home holds hardly more than what was put there when it was made. */
const HARDLY_FILES = 20;
const HARDLY_BYTES = 256 * 1024;

/** Of each account that somebody may log in to, and folders in /home whose account is known elsewhere. */
export function findHomes(view: HostView): Finding[] {
  const people = view.users.filter(({ isPerson, home }) => isPerson && home !== "/");
  const known = new Set(view.users.map(({ home }) => home));
  const others = view.folders.below("/home").filter((path) => !known.has(path));
  return [
    ...people.map(({ name, home }) => homeOf(view, home, { name, isCertain: true })),
    ...others.map((home) => homeOf(view, home, { name: basename(home), isCertain: false })),
  ];
}

function homeOf(view: HostView, home: string, { name, isCertain }: { name: string; isCertain: boolean }): Finding {
  const totals = view.folders.of(home);
  const isEmpty = totals !== undefined && totals.files < HARDLY_FILES && totals.bytes < HARDLY_BYTES;
  const isRoot = home === "/root";
  return {
    id: `files:${home}`,
    category: "home",
    kind: "files",
    title: `home of ${name}`,
    paths: [home],
    confidence: isCertain ? "certain" : "likely",
    evidence: isCertain
      ? `${name} may log in and has this home`
      : "a folder in /home; its account is not among those of this machine",
    criticality: isEmpty ? "normal" : isRoot ? "important" : "critical",
    reason: isEmpty
      ? "hardly anything is in it"
      : isRoot
        ? "scripts, keys and notes of whoever administers this machine"
        : "files of a person, which usually are nowhere else",
    needs: view.unseen.isRoot ? [] : [{ what: "rights", detail: isRoot ? "root" : `root, or ${name}` }],
    settings: { paths: [home], exclude: [...REPRODUCIBLE_IN_HOMES, ...REPRODUCIBLE_NAMES] },
  };
}
