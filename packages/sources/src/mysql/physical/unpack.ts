/** Makes a data folder of a physical capture: writes the files and prepares them, after which a server can start on them. */
import { lchown, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { explainFailure } from "../server/explain-failure.ts";
import { MARIADB_BACKUP } from "../server/flavour.ts";
import type { RunsAs, Tools } from "../server/tools.ts";
import { FILES_FOLDER } from "./detail.ts";

interface Parts {
  readonly tools: Tools;
  /** Empty; belongs to `user`. */
  readonly folder: string;
  /** To whom the files are to belong. */
  readonly user: RunsAs;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_DAMAGED when a file is not whole, SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED, SOURCES_NO_ROOM */
export async function unpackPhysical(
  captured: CapturedTree,
  { tools, folder, user, onStep }: Parts,
  { signal }: CallOptions,
): Promise<void> {
  const tool = await tools.path(MARIADB_BACKUP);
  onStep(`writing files to ${folder}`);
  await captured.extract(FILES_FOLDER, folder, { signal });
  if (user !== undefined) await giveAll(folder, user);
  onStep("preparing the files");
  const args = ["--no-defaults", "--prepare", `--target-dir=${folder}`, `--tmpdir=${folder}`];
  try {
    await tools.programs.text({ tool, args, folder: "/", ...(user === undefined ? {} : { user }) }, { signal });
  } catch (error) {
    throw explainFailure(error, tools.source);
  }
}

/** A folder and all in it. */
async function giveAll(folder: string, user: NonNullable<RunsAs>): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await giveAll(path, user);
    else await lchown(path, user.uid, user.gid);
  }
  await lchown(folder, user.uid, user.gid);
}
