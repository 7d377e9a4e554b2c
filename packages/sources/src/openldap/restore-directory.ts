/** Restores a directory to a folder of its own, from which slapd can be started. */
import { rm } from "node:fs/promises";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, RestoreReport } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { processesUsing } from "../host/open-files.ts";
import { giveToOwnerOf, nearestFolder } from "../host/owner.ts";
import { fillNewFolders } from "../host/new-folders.ts";
import { isPresent, toldOf } from "../host/set-aside.ts";
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
  for (const tool of ["slapadd", "slapcat"]) await tools.find(tool);
  signal.throwIfAborted();
  const model = (await isPresent(data)) ? data : await nearestFolder(data);
  const former = await fillNewFolders([data], overwrite, async (aside) => {
    // The configuration names the folders of data, so they are filled where they will be.
    await fillFolder(captured, { folder: data, tools, configure: withDirectories, signal, onStep });
    await rm(`${data}/config.ldif`);
    await giveToOwnerOf(aside[0] ?? model, data);
    return aside;
  });
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
