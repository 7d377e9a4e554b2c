/**
 * Whether the volume is there that a folder should lie on. Where a disk is not mounted, its mount point is an empty folder of
 * another disk: nothing may be made in it, and nothing is missing from the repository.
 */
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { storageError } from "../errors.ts";
import type { Surroundings } from "../location.ts";

/** What is asked of the place of a repository; checked before anything is touched there. */
export interface VolumeRule {
  /** The file system with this UUID. */
  readonly uuid?: string;
  /** A file of this name, in the folder of the repository or in one above it. */
  readonly marker?: string;
  /** True: any mounted file system but the one of `/`. A path: what is mounted there. */
  readonly mount?: true | string;
}

/** Where the system says what is mounted, and which volumes are attached. */
export interface VolumeSources {
  readonly mountTable: string;
  readonly byUuid: string;
}

const SYSTEM: VolumeSources = { mountTable: "/proc/self/mountinfo", byUuid: "/dev/disk/by-uuid" };

/** Reads `local.volume` and `local.require-mount`. @throws STORAGE_INVALID_OPTION */
export function volumeRule(surroundings: Pick<Surroundings, "option">): VolumeRule {
  const rule: { uuid?: string; marker?: string; mount?: true | string } = {};
  const volume = surroundings.option("local.volume");
  if (volume !== undefined) {
    const marker = /^marker:([^/\0]+)$/.exec(volume)?.[1];
    const uuid = /^(?:uuid:)?([0-9A-Fa-f-]{4,64})$/i.exec(volume)?.[1];
    if (marker !== undefined && marker !== "." && marker !== "..") rule.marker = marker;
    else if (uuid !== undefined) rule.uuid = uuid;
    else throw invalid("local.volume", volume, "give the UUID of the file system (lsblk -o NAME,UUID), or marker:NAME");
  }
  const mount = surroundings.option("local.require-mount");
  if (mount === "true" || mount?.startsWith("/") === true) rule.mount = mount === "true" ? true : mount;
  else if (mount !== undefined && mount !== "false") {
    throw invalid("local.require-mount", mount, "give true, or the folder where the volume is mounted");
  }
  return rule;
}

/**
 * Makes sure that `path`, or what is there of the folders above it, lies on the volume.
 * @throws STORAGE_NOT_MOUNTED
 */
export async function assertVolume(path: string, rule: VolumeRule, sources: VolumeSources = SYSTEM): Promise<void> {
  const { uuid, marker, mount } = rule;
  if (uuid === undefined && marker === undefined && mount === undefined) return;
  try {
    const there = await realpath(await existing(path));
    if (marker !== undefined) await assertMarker(path, there, marker);
    if (uuid !== undefined) await assertUuid(path, there, uuid, sources);
    if (mount !== undefined) await assertMount(path, there, mount);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw notMounted(path, `whether its volume is mounted cannot be found out: ${messageOf(error)}`, error);
  }
}

/** The folder itself, or the nearest one above it that exists. */
async function existing(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (await exists(folder)) return folder;
    if (dirname(folder) === folder) return folder;
  }
}

async function assertMarker(path: string, there: string, marker: string): Promise<void> {
  for (let folder = there; ; folder = dirname(folder)) {
    if (await exists(join(folder, marker))) return;
    if (dirname(folder) === folder) break;
  }
  throw notMounted(path, `there is no file ${marker} in it or above it`);
}

async function assertUuid(
  path: string,
  there: string,
  uuid: string,
  { mountTable, byUuid }: VolumeSources,
): Promise<void> {
  const device = await deviceOf(uuid, byUuid);
  if (device === undefined) throw notMounted(path, `no volume with the UUID ${uuid} is attached`);
  const mounted = mountOf(there, await readFile(mountTable, "utf8"));
  const source = mounted === undefined ? undefined : await realpath(mounted.source).catch(() => mounted.source);
  if (source !== device)
    throw notMounted(path, `it lies on ${source ?? "another volume"}, and not on ${uuid} (${device})`);
}

/** Upper and lower case are the same: file systems of Windows have theirs in capitals. */
async function deviceOf(uuid: string, byUuid: string): Promise<string | undefined> {
  for (const name of [uuid, uuid.toLowerCase(), uuid.toUpperCase()]) {
    const device = await realpath(join(byUuid, name)).catch(() => undefined);
    if (device !== undefined) return device;
  }
  return undefined;
}

async function assertMount(path: string, there: string, mount: true | string): Promise<void> {
  if (mount === true) {
    if ((await stat(there)).dev !== (await stat("/")).dev) return;
    throw notMounted(path, "it lies on the file system of /");
  }
  const point = await realpath(mount).catch(() => mount);
  if (there !== point && !there.startsWith(point === "/" ? point : `${point}/`)) {
    throw notMounted(path, `it does not lie in ${mount}`);
  }
  if (!(await exists(mount)) || (await stat(point)).dev === (await stat(dirname(point))).dev) {
    throw notMounted(path, `nothing is mounted at ${mount}`);
  }
}

interface Mount {
  readonly point: string;
  readonly source: string;
}

/** What is mounted where `path` lies: the longest mount point above it, and of several there the last. */
export function mountOf(path: string, mountTable: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountTable.split("\n")) {
    // proc(5): id, parent, major:minor, root, mount point, options, optional fields, "-", type, source, options.
    const words = line.split(" ");
    const separator = words.indexOf("-", 6);
    const [point, source] = [unescaped(words[4] ?? ""), unescaped(words[separator + 2] ?? "")];
    if (separator === -1 || point === "") continue;
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`);
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = { point, source };
  }
  return found;
}

/** Blanks and the like stand as `\040` there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}

function notMounted(location: string, reason: string, cause?: unknown): Error {
  return storageError("STORAGE_NOT_MOUNTED", { location, reason }, cause);
}

function invalid(option: string, value: string, expected: string): Error {
  return storageError("STORAGE_INVALID_OPTION", { option, value, expected });
}
