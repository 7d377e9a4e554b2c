/** Writes the disks of a capture as images into a folder. */
import { chmod, mkdir, readdir, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { requireEmptyFolder } from "../host/empty-folder.ts";
import { processesWithOpen } from "../host/open-files.ts";
import type { Programs } from "../programs/programs.ts";
import { vmDetail } from "./stored-facts.ts";

export interface WritingImages extends CallOptions {
  readonly folder: string;
  readonly format: "raw" | "qcow2";
  readonly overwrite: boolean;
  readonly programs: Programs;
  readonly onStep: (step: string) => void;
}

export interface WrittenImage {
  readonly name: string;
  readonly path: string;
}

/**
 * The images lie in the folder itself, beside all else that was captured.
 * @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING, SOURCES_DAMAGED, SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED
 */
export async function writeImages(captured: CapturedTree, options: WritingImages): Promise<WrittenImage[]> {
  const { folder, format, overwrite, programs, onStep, signal } = options;
  const { disks, files } = vmDetail(captured.facts);
  if (format !== "raw") await programs.require("qemu-img", "Install the package qemu-utils.");
  if (overwrite) await refuseInUse(folder);
  await requireEmptyFolder(folder, { overwrite });
  // Beside the images of before, until all of the new ones are whole.
  const fresh = join(folder, ".holdfast-restore");
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  try {
    const written: WrittenImage[] = [];
    for (const { name, file } of disks) {
      onStep(`writing the disk ${name}`);
      await captured.extract(file, fresh, { signal });
      if (format === "qcow2") {
        const args = ["convert", "-f", "raw", "-O", "qcow2", join(fresh, `${name}.raw`), join(fresh, `${name}.qcow2`)];
        await programs.text({ tool: "qemu-img", args }, { signal });
        // It makes files that everybody may read.
        await chmod(join(fresh, `${name}.qcow2`), 0o600);
        await rm(join(fresh, `${name}.raw`));
      }
      written.push({ name, path: join(folder, `${name}.${format}`) });
    }
    for (const name of files) await captured.extract(name, fresh, { signal });
    if (overwrite) await refuseInUse(folder);
    signal.throwIfAborted();
    for (const name of await readdir(fresh)) await rename(join(fresh, name), join(folder, name));
    return written;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** An image under a machine that runs would be torn away from it, or be written to by both. */
async function refuseInUse(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const paths = await Promise.all(names.map((name) => realpath(join(folder, name)).catch(() => join(folder, name))));
  if (paths.length === 0 || (await processesWithOpen(paths)).length === 0) return;
  throw sourcesError("SOURCES_TARGET_RUNNING", { target: folder });
}
