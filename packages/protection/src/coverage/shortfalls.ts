/** What a source stores less of a candidate than all. Pure. */
import type { Candidate } from "@holdfast/sources";
import { isServerKind } from "./same-server.ts";

type Settings = Readonly<Record<string, unknown>>;

/** @param source that means the candidate @returns sentences for people; none when nothing is missing */
export function shortfalls(
  { kind, isAtRest = false, paths }: Candidate,
  { name, settings }: { readonly name: string; readonly settings: unknown },
): string[] {
  const given = settings as Settings;
  const limit = limited(given);
  return [
    ...(limit === undefined ? [] : [`${name} stores only a part: ${limit}`]),
    ...(isAtRest && isServerKind(kind) ? [`it does not run, and ${name} captures it only while it does`] : []),
    ...(kind === "vm" ? ofMachine(name, given, { paths, isAtRest }) : []),
  ];
}

function ofMachine(
  name: string,
  { libvirt, qmp, disks }: Settings,
  { paths, isAtRest }: { readonly paths: readonly string[]; readonly isAtRest: boolean },
): string[] {
  if (libvirt !== undefined || qmp !== undefined) return [];
  const named = new Set(Array.isArray(disks) ? disks.map((disk: { readonly path: string }) => disk.path) : []);
  const missing = paths.filter((path) => !named.has(path)).map((path) => `${name} does not name the disk ${path}`);
  return isAtRest ? missing : [`${name} reads its images only while it does not run`, ...missing];
}

/** Settings by which a source stores less than all, and the words for it. */
const LIMITS: readonly (readonly [setting: string, words: string])[] = [
  ["databases", "databases"],
  ["exclude-databases", "without databases"],
  ["exclude-disks", "without disks"],
  ["containers", "containers"],
  ["projects", "projects"],
  ["exclude-containers", "without containers"],
];

function limited(given: Settings): string | undefined {
  for (const [setting, words] of LIMITS) {
    const value = given[setting];
    if (Array.isArray(value) && value.length > 0) return `${words} ${value.join(", ")}`;
  }
  const { exclude } = given;
  return Array.isArray(exclude) && exclude.includes("/etc") ? "without /etc" : undefined;
}
