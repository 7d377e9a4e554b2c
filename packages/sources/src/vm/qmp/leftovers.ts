/** Takes out of a machine's QEMU what a capture has put into it. */
import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type QmpConnection, QmpRefusal } from "./qmp-connection.ts";
import { isOurs, ownerOf } from "./names.ts";
import { blockDevices } from "./block-devices.ts";

/** How long jobs and exports may take to go away. */
const END_MS = 30_000;

interface Named {
  readonly [key: string]: unknown;
}

/** What there is of captures. */
interface Found {
  readonly exports: readonly string[];
  readonly jobs: readonly string[];
  readonly nodes: readonly { readonly name: string; readonly file: string }[];
}

type IsWanted = (name: string) => boolean;

/**
 * Removes what captures of processes have left that run no more.
 * @throws SOURCES_BUSY when one of them still runs
 */
export async function removeLeftovers(qmp: QmpConnection, source: string, options: CallOptions): Promise<void> {
  const found = await findAll(qmp, isOurs, options);
  const { exports: exported, jobs, nodes } = found;
  const bitmaps = await bitmapsOf(qmp, isOurs, options);
  for (const { name } of [...exported.map(named), ...jobs.map(named), ...nodes, ...bitmaps]) {
    const owner = await ownerOf(name);
    if (owner !== undefined) throw sourcesError("SOURCES_BUSY", { source, reason: `process ${owner} captures it` });
  }
  await remove(qmp, found, { isWanted: isOurs, stopsServer: exported.length > 0, ...options });
  // Their folders hold nothing else. A machine names files as it likes: nothing but what has our name is removed.
  for (const folder of new Set(nodes.map(({ file }) => dirname(file)))) {
    if (isOurs(basename(folder))) await rm(folder, { recursive: true, force: true });
  }
}

/** Removes all whose name begins so. @param stopsServer the NBD server was started for it */
export async function removeOwn(
  qmp: QmpConnection,
  prefix: string,
  { stopsServer, signal }: CallOptions & { stopsServer: boolean },
): Promise<void> {
  const isWanted: IsWanted = (name) => name.startsWith(prefix);
  await remove(qmp, await findAll(qmp, isWanted, { signal }), { isWanted, stopsServer, signal });
}

async function findAll(qmp: QmpConnection, isWanted: IsWanted, options: CallOptions): Promise<Found> {
  const list = async (command: string, args: Named = {}): Promise<Named[]> =>
    (await qmp.execute(command, args, options)) as Named[];
  const names = (all: Named[], key: string): string[] => all.map((each) => String(each[key])).filter(isWanted);
  const nodes = (await list("query-named-block-nodes", { flat: true }))
    .map((each) => ({ name: String(each["node-name"]), file: String(each["file"]) }))
    .filter(({ name }) => isWanted(name));
  return {
    exports: names(await list("query-block-exports"), "id"),
    jobs: names(await list("query-block-jobs"), "device"),
    nodes,
  };
}

/** Not to be seen while a job stands between a disk and its machine. */
async function bitmapsOf(
  qmp: QmpConnection,
  isWanted: IsWanted,
  options: CallOptions,
): Promise<{ readonly node: string; readonly name: string }[]> {
  const devices = await blockDevices(qmp, options);
  return devices.flatMap(({ node, bitmaps }) =>
    bitmaps.filter(({ name }) => isWanted(name)).map(({ name }) => ({ node, name })),
  );
}

const named = (name: string): { readonly name: string } => ({ name });

/** From what is used by others down to what uses nothing. */
async function remove(
  qmp: QmpConnection,
  { exports: exported, jobs, nodes }: Found,
  { isWanted, stopsServer, signal }: CallOptions & { isWanted: IsWanted; stopsServer: boolean },
): Promise<void> {
  const tell = (command: string, args: Named): Promise<void> => orGone(qmp.execute(command, args, { signal }));
  const isThere = async (command: string, key: string, wanted: readonly string[]): Promise<boolean> =>
    ((await qmp.execute(command, {}, { signal })) as Named[]).some((each) => wanted.includes(String(each[key])));
  for (const id of exported) await tell("block-export-del", { id, mode: "hard" });
  await qmp.until(async () => !(await isThere("query-block-exports", "id", exported)), END_MS, { signal });
  if (stopsServer) await tell("nbd-server-stop", {});
  for (const device of jobs) await tell("block-job-cancel", { device, force: true });
  await qmp.until(async () => !(await isThere("query-block-jobs", "device", jobs)), END_MS, { signal });
  const bitmaps = await bitmapsOf(qmp, isWanted, { signal });
  for (const { node, name } of bitmaps) await tell("block-dirty-bitmap-remove", { node, name });
  // Overlays before the files that they lie in: their names are in this order.
  for (const { name } of nodes.toSorted((a, b) => (a.name < b.name ? 1 : -1))) {
    await tell("blockdev-del", { "node-name": name });
  }
}

/** What is gone already needs no removal; what cannot be removed shows at the next query. */
async function orGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof QmpRefusal)) throw error;
  }
}
