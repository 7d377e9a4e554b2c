/** Snapshots of file systems, of which files are read while the live ones go on. */
import { statSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { isWithin } from "@holdfast/base";
import type { FolderAlias } from "@holdfast/engine";
import type { CaptureOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { mountOf } from "../../host/mounts.ts";
import type { Programs } from "../../programs/programs.ts";
import { freezeBtrfs } from "./btrfs.ts";
import { freezeLvm } from "./lvm.ts";
import { freezeZfs } from "./zfs.ts";

/** One snapshot. `close` must be called. */
export interface Frozen {
  /** The folder whose content it holds: a mount point, or the root of a subvolume. */
  readonly folder: string;
  /** Where that is read now. */
  readonly seenIn: string;
  /** Fails when what was read from it is worth nothing, as the snapshot has run out of room. */
  verify(): Promise<void>;
  close(): Promise<void>;
}

export interface FreezeParts {
  readonly programs: Programs;
  /** Of the source; part of the names of snapshots, so that one that a killed run has left is known. */
  readonly name: string;
  readonly size: string;
  readonly signal: AbortSignal;
  readonly onWarning: CaptureOptions["onWarning"];
}

type Kind = "btrfs" | "lvm" | "zfs";

const FREEZERS: Readonly<Record<Kind, (path: string, parts: FreezeParts) => Promise<Frozen | undefined>>> = {
  btrfs: freezeBtrfs,
  lvm: freezeLvm,
  zfs: freezeZfs,
};

/** All snapshots of one capture. `close` must be called. */
export class FrozenPaths {
  readonly #snapshots: Frozen[] = [];

  /**
   * Takes the snapshots that the paths need, one after the other: those of different file systems show different moments.
   * @throws SOURCES_SETTINGS when a certain kind was asked for that a path does not have, SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED
   */
  static async take(paths: readonly string[], kind: Kind | "auto", parts: FreezeParts): Promise<FrozenPaths> {
    const frozen = new FrozenPaths();
    try {
      for (const path of paths) await frozen.#add(path, kind, parts);
      return frozen;
    } catch (error) {
      await frozen.close();
      throw error;
    }
  }

  static none(): FrozenPaths {
    return new FrozenPaths();
  }

  /** Where a path is to be read. */
  where(path: string): string {
    const snapshot = this.#of(path);
    return snapshot === undefined
      ? path
      : `${snapshot.seenIn}${path.slice(snapshot.folder === "/" ? 0 : snapshot.folder.length)}`;
  }

  isFrozen(path: string): boolean {
    return this.#of(path) !== undefined;
  }

  /** What patterns are to see, and what is to be stored as the place of the files. */
  aliases(): FolderAlias[] {
    return this.#snapshots.map(({ folder, seenIn }) => ({
      is: seenIn,
      seenAs: folder === "/" ? "" : folder,
      deviceIs: statSync(seenIn, { bigint: true }).dev,
      deviceSeenAs: statSync(folder, { bigint: true }).dev,
    }));
  }

  async verify(): Promise<void> {
    for (const snapshot of this.#snapshots) await snapshot.verify();
  }

  /** Removes all of them, the newest first; the first failure is thrown once all were tried. */
  async close(): Promise<void> {
    const results: PromiseSettledResult<void>[] = [];
    for (const snapshot of this.#snapshots.splice(0).reverse()) {
      results.push(...(await Promise.allSettled([snapshot.close()])));
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #of(path: string): Frozen | undefined {
    return this.#snapshots
      .filter(({ folder }) => isWithin(path, folder))
      .sort((a, b) => b.folder.length - a.folder.length)[0];
  }

  async #add(path: string, kind: Kind | "auto", parts: FreezeParts): Promise<void> {
    const source = parts.programs.options.source;
    const real = await realpath(path).catch(() => undefined);
    // What is not there, or leads elsewhere, is told when it is read.
    if (real !== path) return;
    const found = await kindOf(path, parts);
    if (found === undefined || (kind !== "auto" && kind !== found)) {
      if (kind !== "auto") {
        const reason = `${path} does not lie on ${kind}, so there is no snapshot of it: choose another kind, or auto`;
        throw sourcesError("SOURCES_SETTINGS", { source, reason });
      }
      const message = `${path} lies on a file system without snapshots, so it is read while others may write`;
      parts.onWarning({ code: "no-snapshot", message });
      return;
    }
    const { folder } = this.#of(path) ?? {};
    if (folder !== undefined && (await isSameFileSystem(folder, path))) return;
    const snapshot = await FREEZERS[found](path, parts);
    if (snapshot !== undefined) this.#snapshots.push(snapshot);
  }
}

async function kindOf(path: string, { programs, signal }: FreezeParts): Promise<Kind | undefined> {
  const mount = await mountOf(path);
  if (mount?.type === "btrfs" || mount?.type === "zfs") return mount.type;
  if (mount === undefined || !mount.device.startsWith("/dev/")) return undefined;
  const lvs = await programs.find("lvs");
  if (lvs === undefined) return undefined;
  const args = ["--noheadings", "-o", "lv_name", mount.device];
  const isLogical = await programs.text({ tool: lvs, args }, { signal }).then(
    (text) => text.trim() !== "",
    () => false,
  );
  signal.throwIfAborted();
  return isLogical ? "lvm" : undefined;
}

async function isSameFileSystem(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)]);
  return a.dev === b.dev;
}
