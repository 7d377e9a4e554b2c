/** A process that is run when the one that captured a machine was killed: thaws, takes out of QEMU what was put there, removes files. */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { thaw } from "../agent/guest-agent.ts";
import { removeOwn } from "../qmp/leftovers.ts";
import { QmpConnection } from "../qmp/qmp-connection.ts";
import type { UndoTask } from "./undo-task.ts";

const LIMIT_MS = 60_000;

const { agent, qmp, libvirt, folder } = JSON.parse(process.argv[2] ?? "{}") as UndoTask;
const signal = AbortSignal.timeout(LIMIT_MS);
// Each on its own: a guest that cannot be thawed must not keep the rest in place.
await Promise.allSettled([
  agent === undefined ? undefined : thaw(agent),
  qmp === undefined ? undefined : clearMonitor(qmp),
  libvirt === undefined ? undefined : endDomainJob(libvirt),
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

async function endDomainJob({ program, uri, domain, marker, thaws }: NonNullable<UndoTask["libvirt"]>): Promise<void> {
  const virsh = (...words: string[]): Promise<{ stdout: string }> =>
    promisify(execFile)(program, ["--quiet", "--connect", uri, ...words], { signal });
  // First what keeps the guest from writing. Not frozen, or no agent: nothing to do.
  if (thaws) await virsh("domfsthaw", domain).catch(() => {});
  const { stdout } = await virsh("backup-dumpxml", domain);
  if (stdout.includes(`${marker}/`)) await virsh("domjobabort", domain);
}
