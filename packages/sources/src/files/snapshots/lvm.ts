/** A snapshot of a logical volume, mounted read-only aside. */
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { sourcesError } from "../../errors.ts";
import { mountOf } from "../../host/mounts.ts";
import type { FreezeParts, Frozen } from "./frozen.ts";
import { undoing } from "./leftover.ts";

const HOW = "Install the package lvm2.";
const MOUNTS = "/run/holdfast/snapshots";
/** A snapshot is not written to, so its journal is not replayed: what is in it belongs to the moment as well, for XFS with its own option. */
const OPTIONS: Readonly<Record<string, string>> = { ext3: "ro,noload", ext4: "ro,noload", xfs: "ro,nouuid,norecovery" };

/** @param path in it @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED, SOURCES_UNSUPPORTED */
export async function freezeLvm(path: string, { programs, name, size, signal }: FreezeParts): Promise<Frozen> {
  const mount = await mountOf(path);
  if (mount === undefined) throw new Error("its kind was found by its mount");
  const { source } = programs.options;
  if (mount.root !== "/") {
    const reason = `only the folder ${mount.root} of the volume is mounted at ${mount.point}`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "a snapshot of LVM", reason });
  }
  const lvm = (tool: string, ...args: string[]) => ({ tool, args, how: HOW });
  const fields = ["--noheadings", "--separator", "|", "-o", "vg_name,lv_name,pool_lv", mount.device];
  const [group = "", volume = "", pool = ""] = (await programs.text(lvm("lvs", ...fields), { signal }))
    .trim()
    .split("|");
  const snapshot = `holdfast-${name}-${volume}`;
  const device = `/dev/${group}/${snapshot}`;
  const seenIn = join(MOUNTS, `${name}-${group}-${volume}`);
  const remove = async (): Promise<void> => {
    // Not mounted is what is wanted.
    await programs.text({ tool: "umount", args: [seenIn] }, undoing()).catch(() => {});
    await programs.text(lvm("lvremove", "-f", `${group}/${snapshot}`), undoing());
    await rmdir(seenIn).catch(() => {});
  };
  const existing = await programs.text(lvm("lvs", "--noheadings", "-o", "lv_name", group), { signal });
  if (existing.split("\n").some((line) => line.trim() === snapshot)) await remove();
  const [umount, lvremove] = [await programs.require("umount"), await programs.require("lvremove", HOW)];
  const both = ["/bin/sh", "-c", '"$0" "$1"; exec "$2" -f "$3"', umount, seenIn, lvremove, `${group}/${snapshot}`];
  const watchdog = programs.watch(both);
  try {
    const room = pool === "" ? [/%/.test(size) ? "-l" : "-L", size] : ["-kn"];
    await programs.text(lvm("lvcreate", "-s", ...room, "-n", snapshot, `${group}/${volume}`), { signal });
    await mkdir(seenIn, { recursive: true, mode: 0o700 });
    const options = OPTIONS[mount.type] ?? "ro";
    await programs.text({ tool: "mount", args: ["-t", mount.type, "-o", options, device, seenIn] }, { signal });
  } catch (error) {
    await remove().catch(() => {});
    await watchdog.dismiss();
    throw error;
  }
  return {
    folder: mount.point,
    seenIn,
    async verify() {
      const state = ["--noheadings", "--separator", "|", "-o", "lv_attr,snap_percent", `${group}/${snapshot}`];
      const [attributes = "", percent = ""] = (await programs.text(lvm("lvs", ...state), { signal })).trim().split("|");
      // The fifth letter: I for an invalid snapshot (lvs(8)).
      if (attributes[4] !== "I" && !(pool === "" && Number(percent) >= 100)) return;
      const reason = `the snapshot ${group}/${snapshot} ran out of room while it was read: raise snapshot-size`;
      throw sourcesError("SOURCES_NO_ROOM", { source, reason });
    },
    async close() {
      await remove();
      await watchdog.dismiss();
    },
  };
}
