/**
 * Units of systemd and whether they are enabled, from the links and files that say so: also for a system that does not run, and
 * without systemctl.
 */
import { posix } from "node:path";
import type { SystemFiles } from "../host/system-files.ts";

/** The first that has a unit wins. */
const FOLDERS = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];
const UNIT = /^[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|path|mount|automount|swap|target|slice|device)$/;
const BINDING = /\.(wants|requires|upholds)$/;
const NOWHERE = "/dev/null";

export interface Unit {
  readonly name: string;
  readonly state: "enabled" | "disabled" | "static" | "indirect" | "masked" | "alias";
  /** The file that was found; `undefined` for one that is masked. */
  readonly path: string | undefined;
}

/** A link that has a unit started, or gives it another name. */
export interface UnitLink {
  /** Below /etc/systemd/system: `multi-user.target.wants/cron.service`. */
  readonly name: string;
  readonly target: string;
}

/** Links that administrators and packages have made, in the order of names. */
export async function readUnitLinks(files: SystemFiles): Promise<UnitLink[]> {
  const [folder] = FOLDERS as [string];
  const links: UnitLink[] = [];
  for (const name of await files.names(folder)) {
    if (BINDING.test(name)) {
      for (const unit of await files.names(posix.join(folder, name))) {
        const target = await files.link(posix.join(folder, name, unit));
        if (target !== undefined) links.push({ name: `${name}/${unit}`, target });
      }
    } else if (UNIT.test(name)) {
      const target = await files.link(posix.join(folder, name));
      if (target !== undefined) links.push({ name, target });
    }
  }
  return links;
}

/** Every unit that there is a file for, in the order of names. */
export async function readUnits(files: SystemFiles): Promise<Unit[]> {
  const enabled = enabledNames(await readUnitLinks(files));
  const units = new Map<string, Unit>();
  for (const folder of FOLDERS) {
    for (const name of await files.names(folder)) {
      if (!UNIT.test(name) || units.has(name)) continue;
      const unit = await readUnit(files, folder, name, enabled);
      if (unit !== undefined) units.set(name, unit);
    }
  }
  return [...units.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readUnit(
  files: SystemFiles,
  folder: string,
  name: string,
  enabled: ReadonlySet<string>,
): Promise<Unit | undefined> {
  const path = posix.join(folder, name);
  const target = await files.link(path);
  if (target === NOWHERE) return { name, state: "masked", path: undefined };
  if (target !== undefined && posix.basename(target) !== name) return { name, state: "alias", path };
  const bytes = await files.bytes(path);
  if (bytes === undefined) return undefined;
  if (bytes.length === 0) return { name, state: "masked", path: undefined };
  const install = sectionOf(bytes.toString("utf8"), "Install");
  if (enabled.has(name)) return { name, state: "enabled", path };
  if (install.some(([key]) => ["WantedBy", "RequiredBy", "UpheldBy", "Alias"].includes(key))) {
    return { name, state: "disabled", path };
  }
  return { name, state: install.some(([key]) => key === "Also") ? "indirect" : "static", path };
}

/** Names of units to which a link leads, and of templates of which an instance has one. */
function enabledNames(links: readonly UnitLink[]): Set<string> {
  const names = new Set<string>();
  for (const { name, target } of links) {
    if (target === NOWHERE) continue;
    for (const each of [posix.basename(name), posix.basename(target)]) {
      if (!name.includes("/") && each === posix.basename(name)) continue;
      names.add(each);
      names.add(each.replace(/@[^.]*\./, "@."));
    }
  }
  return names;
}

/** Settings of one section of a unit, in their order. */
export function sectionOf(text: string, wanted: string): [string, string][] {
  const settings: [string, string][] = [];
  let section = "";
  for (const line of text
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((each) => each.trim())) {
    const header = /^\[(.+)\]$/.exec(line);
    if (header !== null) section = header[1] as string;
    const equals = line.indexOf("=");
    if (section !== wanted || header !== null || equals <= 0 || /^[#;]/.test(line)) continue;
    settings.push([line.slice(0, equals).trim(), line.slice(equals + 1).trim()]);
  }
  return settings;
}
