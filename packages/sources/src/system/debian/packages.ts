/** Which packages a Debian system has, from its own database: no tool of the machine that looks is needed. */
import type { SystemFiles } from "../host/system-files.ts";
import { parseStanzas } from "./stanzas.ts";

const STATUS = "/var/lib/dpkg/status";

export interface Conffile {
  readonly path: string;
  /** As the package brought it. */
  readonly md5: string;
}

export interface DebianPackage {
  readonly name: string;
  readonly arch: string;
  readonly version: string;
  /** `installed`, `config-files`, `half-configured` … */
  readonly status: string;
  /** Kept at its version: `dpkg --set-selections`, `apt-mark hold`. */
  readonly isHeld: boolean;
  readonly installedKib: number;
  readonly isSame: boolean;
  readonly conffiles: readonly Conffile[];
}

/** One look for all who ask: they tell of one moment, also while packages are installed. */
const looks = new WeakMap<SystemFiles, Promise<readonly DebianPackage[] | undefined>>();

/** All that dpkg knows of, in the order of names; `undefined` when this is no system of Debian packages. */
export function readPackages(files: SystemFiles): Promise<readonly DebianPackage[] | undefined> {
  const known = looks.get(files) ?? parsePackages(files);
  looks.set(files, known);
  return known;
}

async function parsePackages(files: SystemFiles): Promise<DebianPackage[] | undefined> {
  const text = await files.text(STATUS);
  if (text === undefined) return undefined;
  const packages = parseStanzas(text).flatMap((stanza): DebianPackage[] => {
    const name = stanza.get("package");
    const version = stanza.get("version");
    const [want, , status = ""] = (stanza.get("status") ?? "").split(/\s+/);
    if (name === undefined || version === undefined || status === "not-installed") return [];
    return [
      {
        name,
        version,
        status,
        arch: stanza.get("architecture") ?? "all",
        isHeld: want === "hold",
        installedKib: Number(stanza.get("installed-size") ?? 0),
        isSame: stanza.get("multi-arch") === "same",
        conffiles: parseConffiles(stanza.get("conffiles") ?? ""),
      },
    ];
  });
  return packages.sort((a, b) => compare(a.name, b.name) || compare(a.arch, b.arch));
}

/** Names by which apt keeps track of packages that came along with others: `name:arch`. */
export async function readAutomatic(files: SystemFiles): Promise<Set<string>> {
  const text = (await files.text("/var/lib/apt/extended_states")) ?? "";
  const stanzas = parseStanzas(text).filter((stanza) => stanza.get("auto-installed") === "1");
  return new Set(stanzas.map((stanza) => `${stanza.get("package")}:${stanza.get("architecture")}`));
}

/** The architecture of the system itself, of which apt takes packages for all architectures to be. */
export async function nativeArchitecture(files: SystemFiles): Promise<string | undefined> {
  const noted = (await files.text("/var/lib/dpkg/arch"))?.trim().split("\n")[0];
  if (noted !== undefined && noted !== "") return noted;
  const dpkg = (await readPackages(files))?.find(({ name }) => name === "dpkg");
  return dpkg?.arch;
}

/** Lines such as `/etc/a b 0123456789abcdef obsolete`; the path may have blanks. */
function parseConffiles(text: string): Conffile[] {
  return text.split("\n").flatMap((line) => {
    const found = /^(\/.*?) ([0-9a-f]{32})( obsolete)?( remove-on-upgrade)?$/.exec(line.trim());
    // What is obsolete belongs to no package any more; it is stored with the rest of /etc.
    return found === null || found[3] !== undefined ? [] : [{ path: found[1] as string, md5: found[2] as string }];
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
