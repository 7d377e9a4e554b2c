/** Mail: spools, virtual mailboxes, and Maildirs wherever they lie. */
import { isWithin } from "@holdfast/base";
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";

const USUAL = [
  "/var/mail",
  "/var/spool/mail",
  "/var/vmail",
  "/srv/vmail",
  "/srv/mail",
  "/var/lib/cyrus",
  "/var/spool/cyrus",
  "/var/lib/dovecot-mail",
];
const SERVERS = /^(dovecot|master|exim4|postfix|cyrmaster|smtpd)$/;

/** What lies in a usual place is one, as is each home with Maildirs, and each folder of other Maildirs. */
export function findMail(view: HostView): Finding[] {
  const usual = USUAL.filter((path) => (view.folders.of(path)?.files ?? 0) > 0);
  const maildirs = view.marks.filter(({ what }) => what === "maildir").map(({ path }) => path);
  const others = grouped(
    maildirs.filter((path) => !usual.some((folder) => isWithin(path, folder))),
    view,
  );
  const isServed = view.processes.some(({ names }) => names.some((name) => SERVERS.test(name)));
  return [...usual, ...others].map((path): Finding => {
    const count = maildirs.filter((each) => isWithin(each, path)).length;
    return {
      id: `files:${path}`,
      category: "mail",
      kind: "files",
      title: count > 1 ? `mail, ${count} Maildirs` : "mail",
      paths: [path],
      confidence: count > 0 ? "certain" : "likely",
      evidence:
        count > 0
          ? "folders with cur, new and tmp, as Maildirs have them"
          : "the usual place of mailboxes, and it is not empty",
      criticality: "critical",
      reason: `mail of users${isServed ? " whom this machine serves" : ""}, which is nowhere else when they collect it here`,
      settings: { paths: [path] },
    };
  });
}

/** Each Maildir in a home counts alone; of others, those whose first three folders are the same belong to the folder that they share. */
function grouped(paths: readonly string[], view: HostView): string[] {
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const isInHome = view.users.some(({ home, isPerson }) => isPerson && home !== "/" && isWithin(path, home));
    const key = isInHome ? path : path.split("/").slice(0, 4).join("/");
    groups.set(key, [...(groups.get(key) ?? []), path]);
  }
  return [...groups.values()].map((group) => group.reduce(sharedFolder));
}

function sharedFolder(a: string, b: string): string {
  const others = b.split("/");
  const parts = a.split("/");
  const end = parts.findIndex((part, at) => part !== others[at]);
  return end < 0 ? a : parts.slice(0, end).join("/");
}
