/** The backup job of a domain: it has one at a time, whoever has begun it. */
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { isOurs, ownerOf } from "../qmp/names.ts";
import type { Virsh } from "./virsh.ts";

const END_MS = 30_000;
const POLL_MS = 50;

export interface JobOf {
  readonly virsh: Virsh;
  readonly domain: string;
}

/** Whether the domain's job is the one that uses this folder. @throws as `Virsh.tryRun` */
export async function holdsFolder({ virsh, domain }: JobOf, folder: string, options: CallOptions): Promise<boolean> {
  return (await virsh.tryRun(["backup-dumpxml", domain], options))?.includes(`${folder}/`) === true;
}

/** Ends the job that uses this folder, and no other, and waits until it has ended; a capture that is aborted waits too. */
export async function endJob(job: JobOf, folder: string): Promise<void> {
  const options = { signal: new AbortController().signal };
  if (!(await holdsFolder(job, folder, options))) return;
  await job.virsh.tryRun(["domjobabort", job.domain], options);
  const endMs = performance.now() + END_MS;
  while ((await holdsFolder(job, folder, options)) && performance.now() < endMs) await sleep(POLL_MS);
}

/** Ends what a killed capture has left. @throws SOURCES_BUSY when a capture, or a backup of somebody else, still runs */
export async function endLeftover(job: JobOf, source: string, options: CallOptions): Promise<void> {
  const xml = await job.virsh.tryRun(["backup-dumpxml", job.domain], options);
  if (xml === undefined || !xml.includes("<domainbackup")) return;
  const folder = /socket=['"]([^'"]+)\/nbd['"]/.exec(xml)?.[1];
  const name = folder?.slice(folder.lastIndexOf("/") + 1);
  if (folder === undefined || name === undefined || !isOurs(name)) {
    throw sourcesError("SOURCES_BUSY", { source, reason: "libvirt runs a backup of it for somebody else" });
  }
  const owner = await ownerOf(name);
  if (owner !== undefined) throw sourcesError("SOURCES_BUSY", { source, reason: `process ${owner} captures it` });
  await endJob(job, folder);
  await rm(folder, { recursive: true, force: true });
}
