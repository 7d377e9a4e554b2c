/** Mail: spools, virtual mailboxes, and Maildirs wherever they lie. */
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import { isBelow } from "../host/where-to-look.ts";

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
  const others = new Set(
    maildirs.filter((path) => !usual.some((folder) => isBelow(path, folder))).map((path) => groupOf(path, view)),
  );
  const isServed = view.processes.some(({ names }) => names.some((name) => SERVERS.test(name)));
  return [...usual, ...others].map((path): Finding => {
    const count = maildirs.filter((each) => isBelow(each, path)).length;
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

/** A Maildir in a home counts alone; others belong to the third folder from the root, as in /srv/hosting/vmail. */
function groupOf(path: string, view: HostView): string {
  if (view.users.some(({ home, isPerson }) => isPerson && home !== "/" && isBelow(path, home))) return path;
  return path.split("/").slice(0, 4).join("/");
}
