/** Puts a restored dump into the data folder of a server that does not run. */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions, RestoreReport } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { flushFolder } from "../host/flush-folder.ts";
import { processesUsing } from "../host/open-files.ts";
import { giveToOwnerOf, nearestFolder } from "../host/owner.ts";
import { isPresent, setAside, toldOf } from "../host/set-aside.ts";
import { ACL_FILE, DUMP_FILE, type RedisDetail } from "./stored.ts";

const SERVERS = /redis|valkey|keydb/;
/** Journals: a server that keeps one reads it, and not the dump. */
const JOURNALS = ["appendonlydir", "appendonly.aof"] as const;

export interface DumpPlacing extends CallOptions {
  readonly data: string;
  /** The name of the server's dump. */
  readonly dump: string;
  readonly detail: RedisDetail;
  readonly overwrite: boolean;
  readonly onStep: (step: string) => void;
}

/** @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING, SOURCES_DAMAGED */
export async function putDump(captured: CapturedTree, placing: DumpPlacing): Promise<RestoreReport> {
  const { data, dump, detail, overwrite, signal, onStep } = placing;
  await refuseRunning(data);
  const place = join(data, dump);
  const occupied: string[] = [];
  for (const name of [dump, ...JOURNALS]) if (await isPresent(join(data, name))) occupied.push(join(data, name));
  if (occupied.length > 0 && !overwrite) {
    throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: occupied[0] as string });
  }
  if (!(await isPresent(data))) {
    const above = await nearestFolder(data);
    await mkdir(data, { recursive: true, mode: 0o700 });
    await giveToOwnerOf(above, data);
  }
  onStep(`writing ${place}`);
  // In the same file system: a dump is there whole, or not at all.
  const temporary = await mkdtemp(join(data, ".holdfast-"));
  let former: string[];
  try {
    await captured.extract(DUMP_FILE, temporary, { signal });
    await giveToOwnerOf(data, join(temporary, DUMP_FILE));
    await refuseRunning(data);
    signal.throwIfAborted();
    former = await setAside(occupied);
    await rename(join(temporary, DUMP_FILE), place);
    await flushFolder(data);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const hasAcl = (await captured.list(undefined, { signal })).some(({ path }) => path === ACL_FILE);
  return { restored: [`the dump ${dump}`], place, remaining: [...toldOf(former), ...stepsFor(detail, hasAcl)] };
}

async function refuseRunning(target: string): Promise<void> {
  if ((await processesUsing(target, SERVERS)).length > 0) throw sourcesError("SOURCES_TARGET_RUNNING", { target });
}

function stepsFor({ config, modules }: RedisDetail, hasAcl: boolean): string[] {
  const had = config["appendonly"] === "yes" ? "the captured server had it on" : "the captured server had it off";
  const databases = config["databases"] === undefined ? [] : [`databases (${config["databases"]})`];
  return [
    `Where the configuration says appendonly yes (${had}), a server ignores the dump and starts empty: start it once with --appendonly no, let it load, ` +
      "then CONFIG SET appendonly yes, wait until INFO persistence says aof_rewrite_in_progress:0, and only then start it as usual.",
    `The configuration of the server is not part of the capture${databases.length === 0 ? "" : `; it needs at least as many ${databases[0]}`}.`,
    ...(hasAcl
      ? [
          `Users and their rights are in ${ACL_FILE} of the form folder: put them where aclfile of the configuration points.`,
        ]
      : []),
    ...(modules.length === 0 ? [] : [`Load the modules ${modules.join(", ")} before the data.`]),
  ];
}
