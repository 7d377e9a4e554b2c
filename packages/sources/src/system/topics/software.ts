/** Topics about software: packages, where they come from, and what was installed past them. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { nativeArchitecture, readAutomatic, readPackages } from "../debian/packages.ts";
import { keyFiles, readRepositories, repositoryLine } from "../debian/repositories.ts";
import { readDiversions } from "../debian/owned-files.ts";
import type { Inspection } from "../host/inspection.ts";
import { joinLines, linesOf, sortLines } from "./normalise.ts";
import type { Topic } from "./topic.ts";

/** Files that the rest of the source reads again. */
export const PACKAGES = "packages.txt";
export const MANUAL = "packages-manual.txt";
export const HELD = "packages-held.txt";
export const ARCHITECTURES = "architectures.txt";
export const REPOSITORIES = "repositories.txt";
const RPM = "packages-rpm.txt";
export const PIP = "python-packages.txt";
export const SNAP = "snaps.txt";
export const FLATPAK = "flatpaks.txt";
export const DIVERSIONS = "diversions.txt";
const ALTERNATIVES = "alternatives.txt";
export const OS = "os.txt";

const KEY_FOLDERS = ["/etc/apt/trusted.gpg.d", "/etc/apt/keyrings", "/usr/share/keyrings"];

export const SOFTWARE_TOPICS: readonly Topic[] = [
  { file: OS, about: "which system it is", reads: { look: operatingSystem }, isVital: true },
  { file: PACKAGES, about: "packages: name, architecture, version, state", reads: { look: packages }, isVital: true },
  { file: MANUAL, about: "packages that were asked for", reads: { look: manual }, isVital: true },
  { file: HELD, about: "packages that are kept at their version", reads: { look: held }, isVital: true },
  { file: ARCHITECTURES, about: "architectures of packages", reads: { look: architectures }, isVital: true },
  {
    file: REPOSITORIES,
    about: "where packages come from",
    reads: { look: repositories },
    secret: "addresses may hold passwords",
    isVital: true,
  },
  { file: "repository-keys.txt", about: "keys of repositories, by hash", reads: { look: keys }, isVital: true },
  {
    file: ALTERNATIVES,
    about: "alternatives: name, how it is chosen, choice",
    reads: { look: alternatives },
    isVital: false,
  },
  { file: DIVERSIONS, about: "local diversions of package files", reads: { look: diversions }, isVital: true },
  {
    file: "statoverride.txt",
    about: "owners and modes that packages keep",
    reads: { files: ["/var/lib/dpkg/statoverride"] },
    isVital: true,
  },
  { file: RPM, about: "RPM packages", reads: { look: rpm }, isVital: true },
  { file: PIP, about: "Python packages that no package brought", reads: { look: python }, isVital: false },
  {
    file: SNAP,
    about: "snaps: name, version, revision, channel",
    reads: {
      command: ["snap", "list"],
      normalise: (text) => sortLines(columns(text, 4).split("\n").slice(1).join("\n")),
    },
    isVital: false,
  },
  {
    file: FLATPAK,
    about: "flatpaks: application, branch, origin",
    reads: { command: ["flatpak", "list", "--system", "--columns=application,branch,origin"], normalise: sortLines },
    isVital: false,
  },
];

async function operatingSystem({ files }: Inspection): Promise<string> {
  const release = (await files.text("/etc/os-release")) ?? (await files.text("/usr/lib/os-release")) ?? "";
  const wanted = /^(ID|ID_LIKE|NAME|VERSION|VERSION_ID|VERSION_CODENAME|PRETTY_NAME)=/;
  const lines = linesOf(release).filter((line) => wanted.test(line));
  const point = (await files.text("/etc/debian_version"))?.trim();
  const arch = await nativeArchitecture(files);
  const hostname = (await files.text("/etc/hostname"))?.trim();
  if (point !== undefined) lines.push(`DEBIAN_VERSION="${point}"`);
  if (arch !== undefined) lines.push(`ARCHITECTURE="${arch}"`);
  if (hostname !== undefined && hostname !== "") lines.push(`HOSTNAME="${hostname}"`);
  return joinLines(lines.sort());
}

async function packages({ files }: Inspection): Promise<string | undefined> {
  const found = await readPackages(files);
  return found && joinLines(found.map(({ name, arch, version, status }) => `${name} ${arch} ${version} ${status}`));
}

async function manual({ files }: Inspection): Promise<string | undefined> {
  const found = await readPackages(files);
  if (found === undefined) return undefined;
  const automatic = await readAutomatic(files);
  const native = await nativeArchitecture(files);
  const isAutomatic = (name: string, arch: string): boolean =>
    automatic.has(`${name}:${arch === "all" ? native : arch}`) || automatic.has(`${name}:${arch}`);
  const asked = found.filter(({ name, arch, status }) => status === "installed" && !isAutomatic(name, arch));
  return joinLines(asked.map(({ name, arch }) => `${name} ${arch}`));
}

async function held({ files }: Inspection): Promise<string | undefined> {
  const found = await readPackages(files);
  return found && joinLines(found.filter(({ isHeld }) => isHeld).map(({ name, arch }) => `${name} ${arch}`));
}

async function architectures({ files }: Inspection): Promise<string | undefined> {
  const native = await nativeArchitecture(files);
  if (native === undefined) return undefined;
  const foreign = linesOf((await files.text("/var/lib/dpkg/arch")) ?? "").filter((each) => each !== native);
  return joinLines([native, ...foreign]);
}

async function repositories({ files }: Inspection): Promise<string> {
  return joinLines([...new Set((await readRepositories(files)).map(repositoryLine))].sort());
}

async function keys({ files }: Inspection): Promise<string> {
  const paths = new Set(keyFiles(await readRepositories(files)));
  if ((await files.stat("/etc/apt/trusted.gpg")) !== undefined) paths.add("/etc/apt/trusted.gpg");
  for (const folder of KEY_FOLDERS) for (const name of await files.names(folder)) paths.add(posix.join(folder, name));
  const lines: string[] = [];
  for (const path of [...paths].sort()) {
    const bytes = await files.bytes(path);
    if (bytes !== undefined) lines.push(`${path} ${createHash("sha256").update(bytes).digest("hex")}`);
    else if (!KEY_FOLDERS.includes(posix.dirname(path))) lines.push(`${path} missing`);
  }
  return joinLines(lines);
}

/** A file of dpkg's alternatives begins with how it is chosen; what it is now is the link in /etc. */
async function alternatives({ files }: Inspection): Promise<string | undefined> {
  const folder = "/var/lib/dpkg/alternatives";
  if ((await files.stat(folder)) === undefined) return undefined;
  const lines: string[] = [];
  for (const name of await files.names(folder)) {
    const how = (await files.text(posix.join(folder, name)))?.split("\n")[0] ?? "";
    lines.push(`${name} ${how} ${(await files.link(`/etc/alternatives/${name}`)) ?? "none"}`);
  }
  return joinLines(lines);
}

async function diversions({ files }: Inspection): Promise<string> {
  const local = (await readDiversions(files)).filter(({ by }) => by === ":");
  return joinLines(local.map(({ path, to }) => `${path} ${to}`).sort());
}

async function rpm(inspection: Inspection): Promise<string | undefined> {
  const { files } = inspection;
  const bases = await Promise.all(["/var/lib/rpm", "/usr/lib/sysimage/rpm"].map((path) => files.names(path)));
  if (bases.every((names) => !names.some((name) => /^(Packages|rpmdb)/.test(name)))) return undefined;
  const format = "%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\n";
  return sortLines(await inspection.run("rpm", ["--root", files.at("/"), "-qa", "--qf", format]));
}

async function python({ files }: Inspection): Promise<string> {
  const lines: string[] = [];
  for (const version of (await files.names("/usr/local/lib")).filter((name) => name.startsWith("python3"))) {
    for (const folder of ["dist-packages", "site-packages"]) {
      for (const name of await files.names(`/usr/local/lib/${version}/${folder}`)) {
        const found = /^(.+?)-([^-]+)\.(dist|egg)-info$/.exec(name);
        if (found !== null) lines.push(`${version} ${found[1]}==${found[2]}`);
      }
    }
  }
  return joinLines(lines.sort());
}

/** The first columns of a table. */
function columns(text: string, count: number): string {
  return linesOf(text)
    .map((line) => line.split(/\s+/).slice(0, count).join(" "))
    .join("\n");
}
