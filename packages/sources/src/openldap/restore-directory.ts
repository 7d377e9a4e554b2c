/** Restores a directory to a folder of its own, from which slapd can be started. */
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, RestoreReport } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { processesUsing } from "../host/open-files.ts";
import { giveToOwnerOf, nearestFolder } from "../host/owner.ts";
import { isPresent, setAside, toldOf } from "../host/set-aside.ts";
import { withDirectories } from "./config-entries.ts";
import { fillFolder } from "./fill-folder.ts";
import type { SlapTools } from "./slap-tools.ts";
import { storedDatabases } from "./stored.ts";

export interface DirectoryRestore extends CallOptions {
  readonly data: string;
  readonly tools: SlapTools;
  readonly overwrite: boolean;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING, SOURCES_DAMAGED, SOURCES_TOOL_FAILED; then nothing is left of it */
export async function restoreDirectory(captured: CapturedTree, restore: DirectoryRestore): Promise<RestoreReport> {
  const { data, tools, overwrite, signal, onStep } = restore;
  if ((await processesUsing(data, /^slapd/)).length > 0) throw sourcesError("SOURCES_TARGET_RUNNING", { target: data });
  const isThere = await isPresent(data);
  const isOccupied = isThere && (!(await lstat(data)).isDirectory() || (await readdir(data)).length > 0);
  if (isOccupied && !overwrite) throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: data });
  for (const tool of ["slapadd", "slapcat"]) await tools.find(tool);
  signal.throwIfAborted();
  const former = isOccupied ? await setAside([data]) : [];
  const model = former[0] ?? (isThere ? data : await nearestFolder(data));
  await mkdir(data, { recursive: true, mode: 0o700 });
  try {
    // The configuration names the folders of data, so they are filled where they will be.
    await fillFolder(captured, { folder: data, tools, configure: withDirectories, signal, onStep });
    await rm(`${data}/config.ldif`);
    await giveToOwnerOf(model, data);
  } catch (error) {
    for (const name of await readdir(data)) await rm(`${data}/${name}`, { recursive: true, force: true });
    throw error;
  }
  const databases = storedDatabases(captured);
  return {
    restored: databases.map(({ suffix, entries }) => `the database ${suffix}: ${entries} entries`),
    place: data,
    remaining: [
      ...toldOf(former),
      `Start slapd with -F ${data}/slapd.d (SLAPD_CONF in /etc/default/slapd), or move the folders to where it looks; all must belong to its user.`,
      "Certificates, keys and the keytab are not part of the capture.",
      "Where other servers replicate this one, keep them from it until you have looked: what is newer there comes back, also deletions.",
    ],
  };
}
