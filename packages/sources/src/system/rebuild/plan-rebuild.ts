/** What a rebuild needs besides the captured files: lists for its script, the script, and what a person has to do. */
import { posix } from "node:path";
import { z } from "zod";
import { storedJson } from "../../contract/stored-value.ts";
import { REPORT } from "../capture/layout.ts";
import { osValue } from "../capture/os-facts.ts";
import type { Report } from "../topics/collect.ts";
import { ADDRESSES } from "../topics/network.ts";
import { joinLines, linesOf } from "../topics/normalise.ts";
import { REPOSITORIES } from "../topics/software.ts";
import { nulList } from "./captured-files.ts";
import { diskLayout, layoutCommands } from "./disk-layout.ts";
import { isBootPackage } from "./path-classes.ts";
import type { RebuildParts } from "./rebuild-parts.ts";
import { type ReportedPackage, installedPackages, isWithout } from "./reported-packages.ts";
import { remainingWork } from "./remaining.ts";
import { rebuildScript } from "./script.ts";
import { soundLines } from "./sound-lines.ts";

export interface RebuildPlan {
  /** By their names below the folder of the rebuild. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  readonly remaining: readonly string[];
}

const APT = /^\/etc\/apt(\/|$)/;
const KEYS = /^\/usr\/share\/keyrings(\/|$)/;
const INTERFACES = z.array(
  z.looseObject({ ifname: z.string().optional(), link_type: z.string().optional() }).readonly(),
);
/** As the kernel allows. */
const INTERFACE = /^[^\s/\p{C}]{1,15}$/u;

/** @throws SOURCES_DAMAGED for a report that nobody can have captured */
export function planRebuild(parts: RebuildParts): RebuildPlan {
  const { report, facts, paths, secrets, without } = parts;
  const packages = installedPackages(report).filter(({ name, arch }) => !isWithout(without, name, arch));
  const line = ({ name, arch, version }: ReportedPackage): string => `${name} ${arch} ${version}`;
  const layout = diskLayout(report);
  const sound = soundLines(report);
  const remaining = remainingWork(parts, sound.leftOut);
  const local = localRepositories(report);
  const isSource = (path: string): boolean =>
    APT.test(path) || KEYS.test(path) || local.some((folder) => path.startsWith(`${folder}/`));
  const sources = paths.file.filter(isSource);
  const captured = new Set(paths.file);
  const named = new Set(sources.flatMap((path) => ancestorsAndSelf(path).filter((each) => captured.has(each))));
  const files = new Map<string, string | Uint8Array>([
    ["data/passwd", joinLines(sound.users.map((each) => each.replace(/^([^:]*):[^:]*/, "$1:x")))],
    ["data/group", joinLines(sound.groups)],
    ["data/shadow", secrets.shadow ?? ""],
    ["data/gshadow", secrets.gshadow ?? ""],
    ["data/packages.txt", joinLines(packages.filter(({ name }) => !isBootPackage(name)).map(line))],
    ["data/packages-boot.txt", joinLines(packages.filter(({ name }) => isBootPackage(name)).map(line))],
    ["data/packages-manual.txt", joinLines(sound.manual)],
    ["data/packages-held.txt", joinLines(sound.held)],
    ["data/architectures.txt", joinLines(sound.architectures)],
    ["data/https", joinLines(linesOf(report.get(REPOSITORIES) ?? "").filter((each) => each.includes(" https:")))],
    ["data/repositories.list", nulList([...named])],
    ["data/diversions.txt", joinLines(sound.diversions.flatMap(({ path, to }) => [path, to]))],
    ["data/statoverride", joinLines(sound.statoverride)],
    ["data/files.list", nulList(paths.file)],
    ["data/identity.list", nulList(paths.identity)],
    ["data/network.list", nulList(paths.network)],
    ["data/disks.list", nulList(paths.disks)],
    ["data/interfaces.txt", joinLines(interfaceNames(report))],
    ["data/removed.txt", joinLines(sound.removed)],
    ["data/units.txt", joinLines(sound.units)],
    ["data/unit-links.txt", joinLines(sound.unitLinks)],
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

/** Folders of the system itself that packages come from: they must be there before these are installed. */
function localRepositories(report: Report): string[] {
  return linesOf(report.get(REPOSITORIES) ?? "").flatMap((line) => {
    const folder = /^deb (?:\[[^\]]*\] )?(?:file|copy):(?:\/\/)?(\/\S*)/.exec(line)?.[1]?.replace(/\/+$/, "") ?? "";
    return folder === "" ? [] : [folder];
  });
}

/** Real interfaces: those that virtual machines and containers make come and go. */
function interfaceNames(report: Report): string[] {
  const text = report.get(ADDRESSES);
  if (text === undefined) return [];
  return storedJson(INTERFACES, Buffer.from(text), `${REPORT}/${ADDRESSES}`)
    .filter((each) => each.link_type === "ether" && each["link"] === undefined && each["linkinfo"] === undefined)
    .flatMap(({ ifname = "" }) =>
      !INTERFACE.test(ifname) || /^(veth|docker|br-|virbr|tap|dummy|ifb)/.test(ifname) ? [] : [ifname],
    );
}

/** Folders come with their owners and modes before what is in them. */
function ancestorsAndSelf(path: string): string[] {
  const found = [path];
  for (let folder = posix.dirname(path); folder !== "/"; folder = posix.dirname(folder)) found.unshift(folder);
  return found;
}
