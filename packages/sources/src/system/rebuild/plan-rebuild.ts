/** What a rebuild needs besides the captured files: lists for its script, the script, and what a person has to do. */
import { posix } from "node:path";
import { CONFFILES } from "../capture/layout.ts";
import { osValue } from "../capture/os-facts.ts";
import { GROUPS, USERS } from "../topics/accounts.ts";
import type { Report } from "../topics/collect.ts";
import { ADDRESSES } from "../topics/network.ts";
import { joinLines, linesOf } from "../topics/normalise.ts";
import { UNITS, UNIT_LINKS } from "../topics/services.ts";
import { ARCHITECTURES, DIVERSIONS, HELD, MANUAL, REPOSITORIES } from "../topics/software.ts";
import { nulList } from "./captured-files.ts";
import { diskLayout, layoutCommands } from "./disk-layout.ts";
import { isBootPackage } from "./path-classes.ts";
import type { RebuildParts } from "./rebuild-parts.ts";
import { type ReportedPackage, installedPackages, isWithout } from "./reported-packages.ts";
import { remainingWork } from "./remaining.ts";
import { rebuildScript } from "./script.ts";

export interface RebuildPlan {
  /** By their names below the folder of the rebuild. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly remaining: readonly string[];
}

const APT = /^\/etc\/apt(\/|$)/;
const KEYS = /^\/usr\/share\/keyrings(\/|$)/;

export function planRebuild(parts: RebuildParts): RebuildPlan {
  const { report, facts, paths, secrets, without } = parts;
  const packages = installedPackages(report).filter(({ name, arch }) => !isWithout(without, name, arch));
  const line = ({ name, arch, version }: ReportedPackage): string => `${name} ${arch} ${version}`;
  const layout = diskLayout(report);
  const remaining = remainingWork(parts);
  const sources = paths.file.filter((path) => APT.test(path) || KEYS.test(path));
  const named = new Map(
    sources
      .flatMap((path) => ancestorsAndSelf(path).filter((each) => paths.file.includes(each)))
      .map((each) => [each, each]),
  );
  const files = new Map<string, string | Uint8Array>([
    ["data/passwd", joinLines(linesOf(report.get(USERS) ?? "").map((each) => each.replace(/^([^:]*):[^:]*/, "$1:x")))],
    ["data/group", report.get(GROUPS) ?? ""],
    ["data/shadow", secrets.shadow ?? ""],
    ["data/gshadow", secrets.gshadow ?? ""],
    ["data/packages.txt", joinLines(packages.filter(({ name }) => !isBootPackage(name)).map(line))],
    ["data/packages-boot.txt", joinLines(packages.filter(({ name }) => isBootPackage(name)).map(line))],
    ["data/packages-manual.txt", report.get(MANUAL) ?? ""],
    ["data/packages-held.txt", report.get(HELD) ?? ""],
    ["data/architectures.txt", report.get(ARCHITECTURES) ?? ""],
    ["data/https", joinLines(linesOf(report.get(REPOSITORIES) ?? "").filter((each) => each.includes(" https:")))],
    ["data/repositories.list", nulList([...named.keys()])],
    ["data/diversions.txt", report.get(DIVERSIONS) ?? ""],
    ["data/statoverride", report.get("statoverride.txt") ?? ""],
    ["data/files.list", nulList(paths.file)],
    ["data/identity.list", nulList(paths.identity)],
    ["data/network.list", nulList(paths.network)],
    ["data/disks.list", nulList(paths.disks)],
    ["data/interfaces.txt", joinLines(interfaceNames(report))],
    ["data/removed.txt", joinLines(removedConffiles(report))],
    ["data/units.txt", joinLines(linesOf(report.get(UNITS) ?? "").map((each) => each.split(" ")[0] as string))],
    [
      "data/unit-links.txt",
      joinLines(linesOf(report.get(UNIT_LINKS) ?? "").map((each) => each.split(" ")[0] as string)),
    ],
    ["layout.json", `${JSON.stringify(layout, null, 2)}\n`],
    ["remaining.txt", joinLines(remaining.map((each) => `- ${each}`))],
    [
      "rebuild.sh",
      rebuildScript({
        hostname: osValue(report, "HOSTNAME") || facts.hostname,
        product: osValue(report, "PRETTY_NAME"),
        codename: osValue(report, "VERSION_CODENAME"),
        arch: osValue(report, "ARCHITECTURE"),
        capturedAt: facts.consistentAt,
        disks: layoutCommands(layout),
      }),
    ],
  ]);
  return { files, remaining };
}

/** Configuration of packages that the administrator has deleted. */
function removedConffiles(report: Report): string[] {
  return linesOf(report.get(CONFFILES) ?? "").flatMap((line) => (line.startsWith("missing ") ? [line.slice(8)] : []));
}

/** Real interfaces: those that virtual machines and containers make come and go. */
function interfaceNames(report: Report): string[] {
  const text = report.get(ADDRESSES);
  if (text === undefined) return [];
  const found = JSON.parse(text) as { ifname?: string; link_type?: string; linkinfo?: unknown; link?: unknown }[];
  return found
    .filter(({ link_type: type, link, linkinfo }) => type === "ether" && link === undefined && linkinfo === undefined)
    .flatMap(({ ifname }) =>
      ifname === undefined || /^(veth|docker|br-|virbr|tap|dummy|ifb)/.test(ifname) ? [] : [ifname],
    );
}

/** Folders come with their owners and modes before what is in them. */
function ancestorsAndSelf(path: string): string[] {
  const found = [path];
  for (let folder = posix.dirname(path); folder !== "/"; folder = posix.dirname(folder)) found.unshift(folder);
  return found;
}
