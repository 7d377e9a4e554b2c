/** A snapshot of a ZFS dataset, read where ZFS shows it. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { sourcesError } from "../../errors.ts";
import { mountOf } from "../../host/mounts.ts";
import type { FreezeParts, Frozen } from "./frozen.ts";
import { undoing } from "./leftover.ts";

const HOW = "Install the package zfsutils-linux.";

/** @param path in it @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED, SOURCES_UNSUPPORTED */
export async function freezeZfs(path: string, { programs, name, signal }: FreezeParts): Promise<Frozen> {
  const mount = await mountOf(path);
  if (mount === undefined) throw new Error("its kind was found by its mount");
  const snapshot = `${mount.device}@holdfast-${name}`;
  const zfs = (...args: string[]) => ({ tool: "zfs", args, how: HOW });
  const existing = await programs.text(zfs("list", "-H", "-t", "snapshot", "-o", "name", mount.device), { signal });
  if (existing.split("\n").includes(snapshot)) await programs.text(zfs("destroy", snapshot), { signal });
  const watchdog = programs.watch([await programs.require("zfs", HOW), "destroy", snapshot]);
  const close = async (): Promise<void> => {
    await programs.text(zfs("destroy", snapshot), undoing());
    await watchdog.dismiss();
  };
  try {
    await programs.text(zfs("snapshot", snapshot), { signal });
  } catch (error) {
    await watchdog.dismiss();
    throw error;
  }
  const seenIn = join(mount.point, ".zfs/snapshot", `holdfast-${name}`);
  try {
    await stat(seenIn);
  } catch (error) {
    await close();
    const reason = `${seenIn} cannot be read, where ZFS should show it`;
    const fields = { source: programs.options.source, what: "a snapshot of ZFS", reason };
    throw sourcesError("SOURCES_UNSUPPORTED", fields, error);
  }
  return { folder: mount.point, seenIn, verify: async () => {}, close };
}
