/** Data that no other finder has explained: disks that are mounted, folders at the top, state of applications. */
import { isWithin } from "@holdfast/base";
import type { Finding } from "../candidate.ts";
import type { HostView } from "../host/host-view.ts";
import { NOTHING, type Totals, minus } from "../walk/folder-sizes.ts";

const LEAST_BYTES = 64 * 1024;
const LEAST_STATE_BYTES = 1024 * 1024;
/** Folders at the top that others explain, or that hold nothing of its own. */
const EXPLAINED = new Set([
  "/etc",
  "/home",
  "/root",
  "/usr",
  "/var",
  "/opt",
  "/mnt",
  "/media",
  "/run",
  "/proc",
  "/sys",
  "/dev",
]);
/** Folders of /var/lib that packages and services fill by themselves. */
const OF_SERVICES =
  /^\/var\/lib\/(systemd|dbus|misc|pam|polkit-1|private|ubuntu-.*|update-.*|initramfs-tools|os-prober|shim-signed|sudo|tpm2?|udisks2|usb_modeswitch|vim|xkb|xml-core|sgml-base|aspell|dictionaries-common|emacsen-common|ispell|mecab|ghostscript|texmf|tex-common|python|pipewire|AccountsService|NetworkManager|PackageKit|bluetooth|boltd|colord|fwupd|gdm3?|lightdm|geoclue|hp|ieee-data|logrotate|man-db|mlocate|plocate|nfs|ntp|chrony|openvpn|power-profiles-daemon|urandom|docker|containers|rancher|kubelet)(\/|$)/;

/**
 * What is left of the places where data usually lies, after all that other finders have found. What is large or has a disk of its own
 * comes up even when nobody knows what it is.
 */
export function findRemainingData(view: HostView, found: readonly Finding[]): Finding[] {
  const claimed = [
    ...new Set(
      found.filter(({ category }) => category !== "git" && category !== "certificate").flatMap(({ paths }) => paths),
    ),
  ];
  const result: Finding[] = [];
  const add = (
    path: string,
    leastBytes: number,
    finding: Omit<Finding, "id" | "kind" | "paths" | "settings">,
  ): void => {
    const rest = unclaimed(view, path, claimed);
    if (rest === undefined || rest.bytes < leastBytes) return;
    result.push({ ...finding, id: `files:${path}`, kind: "files", paths: [path], settings: { paths: [path] } });
    claimed.push(path);
  };
  for (const path of view.paths) add(path, 1, { ...DATA, evidence: "you have named it" });
  if (view.paths.length > 0) return result;
  for (const { point, device, type, nature } of view.mounts) {
    // What is remote has sizes only when it was asked for.
    if (nature !== "local" && nature !== "remote") continue;
    if (EXPLAINED.has(point) || point === "/" || point === "/var/lib" || isWithin(point, "/boot")) continue;
    const isRemote = nature === "remote";
    add(point, LEAST_BYTES, {
      ...DATA,
      confidence: "likely",
      criticality: isRemote ? "normal" : "important",
      evidence: isRemote
        ? `mounted over a network (${type}, ${device})`
        : `a file system of its own (${type}, ${device})`,
      reason: isRemote
        ? "data of another machine, which may have a backup of its own"
        : "somebody has given it a disk of its own",
    });
  }
  for (const path of view.folders.below("/").filter((each) => !EXPLAINED.has(each))) add(path, LEAST_BYTES, DATA);
  for (const path of view.folders.below("/var/lib").filter((each) => !OF_SERVICES.test(each)))
    add(path, LEAST_STATE_BYTES, STATE);
  add("/var/backups", LEAST_BYTES, {
    ...DATA,
    category: "backup",
    criticality: "replaceable",
    reason: "copies of what lies elsewhere",
  });
  add("/var/log", LEAST_STATE_BYTES, {
    ...DATA,
    title: "logs",
    reason: "needed to find out what happened, and hardly for anything else",
  });
  return result;
}

const DATA = {
  category: "data",
  title: "data",
  confidence: "possible",
  evidence: "a folder that the system does not bring",
  criticality: "normal",
  reason: "nobody knows what it is",
} as const;

const STATE = {
  category: "application",
  title: "state of an application",
  confidence: "possible",
  evidence: "it lies in /var/lib, where applications keep their data",
  criticality: "important",
  reason: "what an application has written; whether it can make it again, only you know",
} as const;

/** What a folder has beyond the claimed ones; `undefined` when it is part of one of them. */
function unclaimed(view: HostView, path: string, claimed: readonly string[]): Totals | undefined {
  const all = view.folders.of(path);
  if (all === undefined || claimed.some((each) => isWithin(path, each))) return undefined;
  const inside = claimed.filter((each) => isWithin(each, path));
  const outermost = inside.filter((each) => !inside.some((other) => other !== each && isWithin(each, other)));
  return outermost.reduce((rest, each) => minus(rest, view.folders.of(each) ?? fileTotals(view, each)), all);
}

/** Files that were found by themselves have no row. */
function fileTotals(view: HostView, path: string): Totals {
  const mark = view.marks.find((each) => each.path === path);
  return mark === undefined ? NOTHING : { ...NOTHING, files: 1, bytes: mark.sizeBytes };
}
