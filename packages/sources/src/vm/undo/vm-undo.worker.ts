/** A process that is run when the one that captured a machine was killed: thaws, takes out of QEMU what was put there, removes files. */
import { rm } from "node:fs/promises";
import { thaw } from "../agent/guest-agent.ts";
import { removeOwn } from "../qmp/leftovers.ts";
import { QmpConnection } from "../qmp/qmp-connection.ts";
import type { UndoTask } from "./undo-task.ts";

const LIMIT_MS = 60_000;

const { agent, qmp, folder } = JSON.parse(process.argv[2] ?? "{}") as UndoTask;
const signal = AbortSignal.timeout(LIMIT_MS);
// Each on its own: a guest that cannot be thawed must not keep the rest in place.
await Promise.allSettled([
  agent === undefined ? undefined : thaw(agent),
  qmp === undefined ? undefined : clearMonitor(qmp),
]);
await rm(folder, { recursive: true, force: true });

async function clearMonitor({ path, prefix }: NonNullable<UndoTask["qmp"]>): Promise<void> {
  const connection = await QmpConnection.open(path, "the machine", { signal });
  try {
    await removeOwn(connection, prefix, { stopsServer: true, signal });
  } finally {
    connection.close();
  }
}
