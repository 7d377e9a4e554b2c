/** What a person has to do after a rebuild, or to decide before it. */
import { UNREAD } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";
import { USERS } from "../topics/accounts.ts";
import { FLATPAK, PIP, SNAP } from "../topics/software.ts";
import type { RebuildParts } from "./rebuild-parts.ts";
import { installedPackages } from "./reported-packages.ts";
import { oneLine } from "./one-line.ts";
import { isBootPackage } from "./path-classes.ts";

const SHOWN = 8;

/** @param leftOut files of the report with lines that cannot be acted on */
export function remainingWork({ report, paths, secrets, without }: RebuildParts, leftOut: readonly string[]): string[] {
  const boot = installedPackages(report).filter(({ name }) => isBootPackage(name));
  const said: (string | undefined)[] = [
    "Disks: rebuild.sh touches none. It has, as comments, how they were; layout.json has the same as data.",
    heldBack(
      paths.disks,
      "as they name disks by their ids. Take over what fits the new disks; then run update-initramfs -u and update-grub",
    ),
    heldBack(
      paths.network,
      "unless all interfaces of the original are here under their names. With --with-network they are put in place anyway",
    ),
    heldBack(
      paths.identity,
      "as two machines with the same are taken for each other. When the original is gone for good, --replaces-original puts them in place",
    ),
    some(
      boot.map(({ name }) => name),
      (names) =>
        `Kernels and boot loaders are not installed (${names}): the machine starts with what it has. --with-boot installs them; then run grub-install on its disk.`,
    ),
    some(
      homes(report),
      (names) => `Home folders are made empty for ${names}. What was in them comes from the backup of their files.`,
    ),
    "Data of services (databases, web pages, mail) is not part of this source: restore it from its own sources before the services start.",
    secrets.shadow === undefined
      ? "Passwords were not captured: accounts are locked until they get new ones."
      : undefined,
    some([...without], (names) => `Packages that no repository has are left to you: ${names}.`),
    ...[SNAP, FLATPAK, PIP].map((file) =>
      some(
        linesOf(report.get(file) ?? ""),
        (names) => `Install again, from report/${file}: ${names}. Files in /usr/local are there already.`,
      ),
    ),
    some(
      linesOf(report.get(UNREAD) ?? "").map((line) => line.split(":")[0] as string),
      (names) => `The report could not tell of: ${names}; report/${UNREAD} says why.`,
    ),
    some(
      leftOut.map((file) => `report/${file}`),
      (names) =>
        `Lines of the report that make no sense on a new machine, or could do harm, were left out: see ${names}.`,
    ),
    "This folder holds secrets, such as hashes of passwords. Remove it when the machine works.",
  ];
  return said.filter((line) => line !== undefined).map(oneLine);
}

function heldBack(paths: readonly string[], why: string): string | undefined {
  const files = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}/`)));
  return some(files, (names) => `Held back in files/, ${why}: ${names}.`);
}

function some(names: readonly string[], say: (names: string) => string): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : "";
  return say(`${names.slice(0, SHOWN).join(", ")}${more}`);
}

function homes(report: RebuildParts["report"]): string[] {
  return linesOf(report.get(USERS) ?? "").flatMap((line) => {
    const [name = "", , uid = "", , , , shell = ""] = line.split(":");
    return Number(uid) >= 1000 && Number(uid) < 60_000 && !/(nologin|false)$/.test(shell) ? [name] : [];
  });
}
