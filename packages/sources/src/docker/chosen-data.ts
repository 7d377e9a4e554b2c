/** Which volumes and folders of this machine are read, from where, and what is left out and why. */
import { access, constants, lstat, realpath } from "node:fs/promises";
import { systemCode, isWithin } from "@holdfast/base";
import type { SourceWarning } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { EngineVolume } from "./engine/answers.ts";
import type { Inventory } from "./inventory.ts";
import type { DockerSettings } from "./settings.ts";

/** Not files: what the kernel shows, and what only lives as long as the machine runs. */
const PSEUDO = ["/proc", "/sys", "/dev", "/run", "/var/run"];

export interface ChosenVolume {
  readonly volume: EngineVolume;
  /** `undefined`: it cannot be captured here. */
  readonly from: string | undefined;
}

export interface ChosenBind {
  readonly path: string;
  /** Where links in the path lead to. */
  readonly from: string;
  readonly isFolder: boolean;
}

export interface ChoosingParts {
  readonly source: string;
  readonly onWarning: (warning: SourceWarning) => void;
}

/** @throws SOURCES_CREDENTIALS when this user may not read a volume, SOURCES_UNREACHABLE when it is not on this machine */
export async function chooseVolumes(inventory: Inventory, parts: ChoosingParts): Promise<ChosenVolume[]> {
  const chosen: ChosenVolume[] = [];
  for (const volume of inventory.volumes) {
    const { from, why } = placeOf(volume);
    if (from === undefined) {
      const message = `the volume ${volume.Name} is not captured: ${why}`;
      parts.onWarning({ code: "volume-not-captured", message });
    } else await requireReadable(from, volume.Name, parts.source);
    chosen.push({ volume, from });
  }
  return chosen;
}

/** Bind mounts, each once, and none that lies in another or in a volume. */
export async function chooseBinds(
  { containers }: Inventory,
  { "exclude-binds": excluded }: DockerSettings,
  { onWarning, volumes }: ChoosingParts & { readonly volumes: readonly ChosenVolume[] },
): Promise<ChosenBind[]> {
  const sources = containers.flatMap(({ inspected }) =>
    inspected.Mounts.flatMap(({ Type, Source }) => (Type === "bind" ? [Source] : [])),
  );
  const covered = volumes.flatMap(({ from }) => from ?? []);
  const chosen: ChosenBind[] = [];
  const sorted = [...new Set(sources)].toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
  for (const path of sorted) {
    if ([...PSEUDO, ...excluded].some((folder) => isWithin(path, folder))) continue;
    if (covered.some((folder) => isWithin(path, folder)) || chosen.some((each) => isWithin(path, each.path))) continue;
    if (path === "/") {
      const message = "a container has all of this machine as a bind mount, which is not captured: use the kind files";
      onWarning({ code: "bind-not-captured", message });
      continue;
    }
    const from = await realpath(path).catch(() => path);
    const found = await lstat(from).catch((error: unknown) => systemCode(error));
    if (typeof found !== "object") {
      const message = `the bind mount ${path} cannot be read: ${found === "ENOENT" ? "it is not there" : found}`;
      onWarning({ code: "bind-not-captured", message });
      // A socket or a device is a way to something, not data.
    } else if (found.isDirectory() || found.isFile()) chosen.push({ path, from, isFolder: found.isDirectory() });
  }
  return chosen;
}

/**
 * Where a volume's files are. One that is a mount itself is mounted only while a container uses it, so its mount point would be read
 * as empty once the container has stopped.
 */
function placeOf({ Driver, Mountpoint, Options }: EngineVolume): { from: string | undefined; why: string } {
  if (Driver !== "local") return { from: undefined, why: `its driver ${Driver} keeps it where only that knows` };
  const { device, type = "", o = "" } = Options;
  if (device === undefined) return { from: Mountpoint, why: "" };
  const isBind = o.split(",").some((each) => each === "bind" || each === "rbind");
  if (isBind && device.startsWith("/")) return { from: device, why: "" };
  return { from: undefined, why: `it is ${type === "" ? "a mount" : `a mount of type ${type}`} of ${device}` };
}

async function requireReadable(path: string, name: string, source: string): Promise<void> {
  try {
    await access(path, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (systemCode(error) === "EACCES") {
      const reason = `this user may not read the volume ${name} at ${path}; volumes of a system-wide engine are read as root`;
      throw sourcesError("SOURCES_CREDENTIALS", { source, reason }, error);
    }
    const reason = `the volume ${name} is not on this machine: there is no ${path}`;
    throw sourcesError("SOURCES_UNREACHABLE", { source, reason }, error);
  }
}
