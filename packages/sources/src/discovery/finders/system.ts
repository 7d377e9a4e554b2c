/** What makes this machine this machine: its configuration, software that no package brought, and jobs of users. */
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";

const ROOT = [{ what: "rights", detail: "root: keys and passwords are readable by nobody else" }] as const;
const CRONTABS = ["/var/spool/cron", "/var/cron/tabs"];

/** `/etc` with the kind system, and parts of it that people look for by name. */
export function findSystem(view: HostView): Finding[] {
  const there = (paths: readonly string[]): string[] => paths.filter((path) => (view.folders.of(path)?.files ?? 0) > 0);
  const [etc] = there(["/etc"]);
  return [
    ...(etc === undefined
      ? []
      : [
          {
            id: "system:/",
            category: "system",
            kind: "system",
            title: "configuration of this machine",
            paths: [etc],
            confidence: "certain",
            evidence: "/etc is there",
            criticality: "critical",
            reason: "without it, nobody knows how this machine was set up",
            needs: view.unseen.isRoot ? [] : ROOT,
          } as const,
        ]),
    ...there(["/usr/local", "/opt"]).map((path): Finding => ({
      id: `files:${path}`,
      category: "application",
      kind: "files",
      title: "local software",
      paths: [path],
      confidence: path === "/usr/local" ? "likely" : "possible",
      evidence: `${path} is not empty`,
      criticality: path === "/usr/local" ? "important" : "normal",
      reason:
        path === "/usr/local"
          ? "scripts and programs that no package brings"
          : "programs that somebody has put there, or packages of a vendor",
      settings: { paths: [path] },
    })),
    ...there(CRONTABS).map((path): Finding => ({
      id: `files:${path}`,
      category: "system",
      kind: "files",
      title: "crontabs of users",
      paths: [path],
      confidence: "certain",
      evidence: "files of cron are there",
      criticality: "important",
      reason: "jobs that users have set up, and that nobody misses until they do not run",
      needs: view.unseen.isRoot ? [] : ROOT,
      settings: { paths: [path] },
    })),
  ];
}
