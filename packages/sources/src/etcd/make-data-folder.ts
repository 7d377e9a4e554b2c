/** Makes the data folder of a member out of a captured snapshot. It is there whole, or not at all. */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, RestoreReport } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { processesUsing } from "../host/open-files.ts";
import { giveToOwnerOf } from "../host/owner.ts";
import { isPresent, setAside, toldOf } from "../host/set-aside.ts";
import type { MemberSettings } from "./settings.ts";
import type { SnapshotTool } from "./snapshot-tool.ts";
import { SNAPSHOT_FILE } from "./stored.ts";

export interface DataFolderMaking extends CallOptions {
  readonly data: string;
  readonly settings: MemberSettings;
  readonly tool: SnapshotTool;
  readonly overwrite: boolean;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING, SOURCES_DAMAGED, SOURCES_TOOL_FAILED */
export async function makeDataFolder(captured: CapturedTree, making: DataFolderMaking): Promise<RestoreReport> {
  const { data, settings, tool, overwrite, signal, onStep } = making;
  const refuseRunning = async (): Promise<void> => {
    if ((await processesUsing(data, /^etcd/)).length > 0)
      throw sourcesError("SOURCES_TARGET_RUNNING", { target: data });
  };
  await refuseRunning();
  if ((await isPresent(data)) && !overwrite) throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: data });
  const above = dirname(data);
  await mkdir(above, { recursive: true, mode: 0o700 });
  const temporary = await mkdtemp(join(above, ".holdfast-"));
  try {
    onStep("reading the snapshot");
    await captured.extract(SNAPSHOT_FILE, temporary, { signal });
    onStep(`making ${data}`);
    const made = join(temporary, "data");
    const isBumped = await tool.restore({
      file: join(temporary, SNAPSHOT_FILE),
      data: made,
      member: settings.member,
      peerUrl: settings["peer-url"],
      initialCluster: settings["initial-cluster"],
      token: settings["cluster-token"],
      revisionBump: settings["revision-bump"],
      signal,
    });
    const isThere = await isPresent(data);
    await giveToOwnerOf(isThere ? data : above, made);
    await refuseRunning();
    signal.throwIfAborted();
    const former = isThere ? await setAside([data]) : [];
    await rename(made, data);
    return {
      restored: [`the member ${settings.member}, at revision ${String(captured.facts.position["revision"])}`],
      place: data,
      remaining: [...toldOf(former), ...stepsFor(settings, isBumped)],
    };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function stepsFor(settings: MemberSettings, isBumped: boolean): string[] {
  const isWanted = settings["revision-bump"] > 0;
  return [
    "Restore every other member from the same snapshot, each with its own member and peer-url, and all with the same initial-cluster and cluster-token; old data folders must not join.",
    ...(isBumped || !isWanted
      ? []
      : [
          "The installed tool cannot raise the revision (etcdutl 3.6 and later can): restart every client that watches, such as the API servers of Kubernetes, before it trusts its cache.",
        ]),
    "Certificates are not part of the capture, nor is the EncryptionConfiguration of Kubernetes: without its keys, encrypted secrets stay unreadable.",
  ];
}
