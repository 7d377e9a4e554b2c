/**
 * The disks of a libvirt domain at one moment. What runs is captured by libvirt's own backup job (pull mode): libvirt keeps what the
 * guest overwrites, offers the disks over NBD, and marks the moment by a checkpoint. What does not run is read by its images.
 */
import { chmod, chown, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@holdfast/base";
import { withinLimit } from "../../content/time-limit.ts";
import type { CallOptions, CaptureDestination, PreviousCapture, SourceWarning } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Programs } from "../../programs/programs.ts";
import { stoppedMoment } from "../image/stopped-moment.ts";
import type { MachineFile, Moment, MomentDisk } from "../moment.ts";
import { NbdConnection } from "../nbd/nbd-connection.ts";
import { ALLOCATION, dirtyBitmap } from "../nbd/protocol.ts";
import { type Line, bitmapPrefix, isOurs, newBitmap, ourPrefix, ownerOf } from "../qmp/names.ts";
import { watchRoom } from "../room-watch.ts";
import { previousDisk } from "../stored-facts.ts";
import { undoneIfKilled } from "../undo/undone-if-killed.ts";
import { backupXml, checkpointXml, type PlannedDisk } from "./backup-xml.ts";
import { type Domain, type DomainDisk, readDomain } from "./domain-xml.ts";
import type { Virsh } from "./virsh.ts";

/** The variables of a firmware have some hundred kilobytes. */
const MAX_VARIABLES_BYTES = 64 * 1024 * 1024;
const MAX_SOCKET_CHARS = 100;
const END_MS = 30_000;
const POLL_MS = 50;

export const DEFINITION_FILE = "domain.xml";
export const VARIABLES_FILE = "nvram.fd";

export interface LibvirtOptions extends CallOptions {
  readonly virsh: Virsh;
  readonly domain: string;
  readonly uri: string;
  readonly source: string;
  readonly programs: Programs;
  /** Whether the guest agent is asked to freeze; `undefined`: it is tried. */
  readonly freezes: boolean;
  readonly freezeLimitMs: number;
  readonly scratch: string | undefined;
  readonly temporary: string;
  readonly excluded: readonly string[];
  readonly line: Omit<Line, "repository">;
  readonly destination: CaptureDestination | undefined;
  readonly onWarning: (warning: SourceWarning) => void;
}

/** @throws SOURCES_TOOL_MISSING, SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_BUSY, SOURCES_SETTINGS, SOURCES_NO_ROOM, SOURCES_TOOL_FAILED */
export async function libvirtMoment(options: LibvirtOptions): Promise<Moment> {
  const { virsh, domain, source, signal } = options;
  const state = (await virsh.run(["domstate", domain], { signal })).trim();
  const definition = await virsh.run(["dumpxml", domain, "--inactive", "--security-info"], { signal });
  const files = await machineFiles(definition, await readDomain(definition), options);
  if (state === "shut off") return stopped(await readDomain(definition), files, options);
  if (state !== "running" && state !== "paused") {
    throw sourcesError("SOURCES_BUSY", { source, reason: `its domain is in the state '${state}'` });
  }
  const running = await readDomain(await virsh.run(["dumpxml", domain], { signal }));
  await endLeftover(options);
  const disks = chosenDisks(running.disks, options);
  const previous = await options.destination?.previous();
  return new LibvirtCapture(options).begin({ ...running, disks }, files, previous);
}

class LibvirtCapture {
  readonly #options: LibvirtOptions;
  readonly #ended = new AbortController();
  readonly #closing: (() => unknown)[] = [];
  #folder = "";
  #closed: Promise<void> | undefined;

  constructor(options: LibvirtOptions) {
    this.#options = options;
  }

  async begin(running: Domain, files: readonly MachineFile[], previous: PreviousCapture | undefined): Promise<Moment> {
    const { virsh, domain, uri, source, programs, destination, line, freezes, signal } = this.#options;
    this.#folder = await this.#makeFolder(running.disks);
    const folder = this.#folder;
    this.#closing.push(() => rm(folder, { recursive: true, force: true }));
    try {
      const checkpoint =
        destination === undefined ? undefined : newBitmap({ ...line, repository: destination.repository });
      const since = await this.#dropOldCheckpoints(running.disks, previous);
      const [program = "virsh"] = await virsh.words();
      const watchdog = undoneIfKilled(programs, {
        libvirt: { program, uri, domain, marker: folder, thaws: freezes },
        folder,
      });
      this.#closing.push(
        () => watchdog.dismiss(),
        () => endJob(virsh, domain, folder),
      );
      const total =
        previous === undefined
          ? 0
          : running.disks.reduce((sum, { target }) => sum + (previousDisk(previous, target)?.sizeBytes ?? 0), 0);
      this.#closing.push(await watchRoom(folder, Math.max(total, 1), source, (error) => this.#giveUp(error)));
      const begun = await this.#atOneMoment(running.disks, { checkpoint, since });
      const read = AbortSignal.any([signal, this.#ended.signal]);
      const disks: MomentDisk[] = [];
      for (const disk of begun.disks) disks.push(await this.#open(disk, { checkpoint, previous, signal: read }));
      const version = /QEMU (\S+)\s*$/.exec((await virsh.tryRun(["version"], { signal })) ?? "")?.[1];
      return {
        disks,
        files,
        atMs: begun.atMs,
        frozen: freezes ? begun.frozen : undefined,
        tools: version === undefined ? {} : { qemu: version },
        machine: running.shape,
        signal: read,
        assertHeld: () => this.#assertHeld(),
        close: () => this.#close(),
      };
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  /** Beside a disk, where its QEMU may write, unless another place is named; QEMU makes the socket itself. */
  async #makeFolder(disks: readonly DomainDisk[]): Promise<string> {
    const { scratch, source } = this.#options;
    const image = disks.find(({ path }) => path !== undefined && !path.startsWith("/dev/"))?.path;
    const place = scratch ?? (image === undefined ? undefined : dirname(image));
    if (place === undefined) {
      const reason =
        "none of its disks is a file, so name a folder for what the guest overwrites with the setting scratch";
      throw sourcesError("SOURCES_SETTINGS", { source, reason });
    }
    const folder = await mkdtemp(join(place, `${await ourPrefix()}vm-`));
    if (join(folder, "nbd").length > MAX_SOCKET_CHARS) {
      await rm(folder, { recursive: true });
      throw sourcesError("SOURCES_SETTINGS", {
        source,
        reason: `${place} is too long a path for a socket: name another with the setting scratch`,
      });
    }
    const owner = image === undefined ? undefined : await stat(image);
    if (process.getuid?.() === 0 && owner !== undefined) await chown(folder, owner.uid, owner.gid);
    await chmod(folder, 0o700);
    return folder;
  }

  /** @returns the checkpoint of the capture before, where it is still there */
  async #dropOldCheckpoints(
    disks: readonly DomainDisk[],
    previous: PreviousCapture | undefined,
  ): Promise<string | undefined> {
    const { virsh, domain, destination, line, onWarning, signal } = this.#options;
    if (destination === undefined) return undefined;
    const named = disks.map(({ target }) => previousDisk(previous, target)?.bitmap).find((each) => each !== undefined);
    const present = ((await virsh.tryRun(["checkpoint-list", domain, "--name"], { signal })) ?? "")
      .split(/\s+/)
      .filter(Boolean);
    const prefix = bitmapPrefix({ ...line, repository: destination.repository });
    for (const name of present) {
      if (name.startsWith(prefix) && name !== named)
        await virsh.tryRun(["checkpoint-delete", domain, name], { signal });
    }
    if (named === undefined || present.includes(named)) return named;
    onWarning({
      code: "bitmap-lost",
      message: "all disks are read as a whole: libvirt has no checkpoint of the last capture",
    });
    return undefined;
  }

  /** Freezes, has the job begin, and thaws. Without the checkpoint of before, when libvirt cannot build upon it. */
  async #atOneMoment(
    disks: readonly DomainDisk[],
    { checkpoint, since }: { checkpoint: string | undefined; since: string | undefined },
  ): Promise<{ disks: PlannedDisk[]; frozen: number; atMs: number }> {
    const { virsh, domain, onWarning, signal } = this.#options;
    const begin = async (from: string | undefined): Promise<PlannedDisk[]> => {
      const planned = disks.map((disk, n) => ({
        ...disk,
        scratch: join(this.#folder, `overlay${n}`),
        since: disk.format === "qcow2" ? from : undefined,
      }));
      const xml = [backupXml(join(this.#folder, "nbd"), planned)];
      if (checkpoint !== undefined && disks.some(({ format }) => format === "qcow2"))
        xml.push(checkpointXml(checkpoint, disks));
      await virsh.withFiles(["backup-begin", domain], xml, { signal });
      return planned;
    };
    const frozen = await this.#freeze();
    try {
      let planned: PlannedDisk[];
      try {
        planned = await begin(since);
      } catch (error) {
        signal.throwIfAborted();
        if (since === undefined || !/checkpoint|bitmap/i.test(messageOf(error))) throw error;
        onWarning({ code: "bitmap-lost", message: `all disks are read as a whole: ${messageOf(error)}` });
        planned = await begin(undefined);
      }
      return { disks: planned, frozen, atMs: Date.now() };
    } finally {
      if (this.#options.freezes) await this.#thaw(frozen);
    }
  }

  async #freeze(): Promise<number> {
    const { virsh, domain, source, freezes, freezeLimitMs, onWarning, signal } = this.#options;
    if (!freezes) return 0;
    const limit = { ms: freezeLimitMs, what: "freezing", source, setting: "freeze-time-limit" };
    try {
      const said = await withinLimit(limit, (inner) => virsh.run(["domfsfreeze", domain], { signal: inner }), {
        signal,
      });
      return Number(/(\d+)/.exec(said)?.[1] ?? 1);
    } catch (error) {
      signal.throwIfAborted();
      const message = `the guest was not frozen, so its disks are as after a power cut: ${messageOf(error)}; say \`agent: none\` if it has no agent`;
      onWarning({ code: "not-frozen", message });
      return 0;
    }
  }

  /** Also when freezing failed: it may have come about all the same. Then nobody hears of it when this fails too. */
  async #thaw(frozen: number): Promise<void> {
    const { virsh, domain } = this.#options;
    try {
      await virsh.run(["domfsthaw", domain], unlimited());
    } catch (error) {
      if (frozen > 0) throw error;
    }
  }

  async #open(
    { target, format, path, since }: PlannedDisk,
    {
      checkpoint,
      previous,
      signal,
    }: CallOptions & { checkpoint: string | undefined; previous: PreviousCapture | undefined },
  ): Promise<MomentDisk> {
    const { source, onWarning } = this.#options;
    const contexts = [ALLOCATION, ...(since === undefined ? [] : [dirtyBitmap(target)])];
    const place = { socketPath: join(this.#folder, "nbd"), source, exportName: target, contexts };
    const connection = await NbdConnection.open(place, { signal });
    this.#closing.push(() => connection.close());
    const before = previousDisk(previous, target);
    const isSame = before?.bitmap === since && before?.sizeBytes === connection.sizeBytes;
    if (since !== undefined && !isSame) {
      const message = `the disk ${target} is read as a whole: its size has changed, or it was not in the last capture`;
      onWarning({ code: "bitmap-lost", message });
    }
    return {
      name: target,
      format,
      image: path ?? "",
      connection,
      bitmap: format === "qcow2" ? checkpoint : undefined,
      since:
        since === undefined || previous === undefined || !isSame
          ? undefined
          : { snapshot: previous.snapshot, bitmap: target },
    };
  }

  async #assertHeld(): Promise<void> {
    const { virsh, domain, source, signal } = this.#options;
    this.#ended.signal.throwIfAborted();
    if (await isRunning(virsh, domain, this.#folder, { signal })) return;
    throw sourcesError("SOURCES_TOOL_FAILED", {
      tool: "libvirt",
      source,
      reason: "the backup job that keeps the moment is gone",
    });
  }

  #giveUp(error: unknown): void {
    this.#ended.abort(error);
    void this.#close().catch(() => {});
  }

  #close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    this.#ended.abort(new Error("the capture has ended"));
    let failure: { readonly error: unknown } | undefined;
    for (const close of this.#closing.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}

function unlimited(): CallOptions {
  return { signal: new AbortController().signal };
}

/** Whether the domain's backup job is the one that uses this folder. */
async function isRunning(virsh: Virsh, domain: string, folder: string, options: CallOptions): Promise<boolean> {
  return (await virsh.tryRun(["backup-dumpxml", domain], options))?.includes(`${folder}/`) === true;
}

/** Ends our job, and no other's, and waits until it has ended. */
async function endJob(virsh: Virsh, domain: string, folder: string): Promise<void> {
  const options = unlimited();
  if (!(await isRunning(virsh, domain, folder, options))) return;
  await virsh.tryRun(["domjobabort", domain], options);
  const endMs = performance.now() + END_MS;
  while ((await isRunning(virsh, domain, folder, options)) && performance.now() < endMs) await sleep(POLL_MS);
}

/** What a killed capture has left. @throws SOURCES_BUSY when it, or a backup of somebody else, still runs */
async function endLeftover({ virsh, domain, source, signal }: LibvirtOptions): Promise<void> {
  const job = await virsh.tryRun(["backup-dumpxml", domain], { signal });
  if (job === undefined || !job.includes("<domainbackup")) return;
  const folder = /socket=['"]([^'"]+)\/nbd['"]/.exec(job)?.[1];
  const name = folder?.slice(folder.lastIndexOf("/") + 1);
  if (folder === undefined || name === undefined || !isOurs(name)) {
    throw sourcesError("SOURCES_BUSY", { source, reason: "libvirt runs a backup of it for somebody else" });
  }
  const owner = await ownerOf(name);
  if (owner !== undefined) throw sourcesError("SOURCES_BUSY", { source, reason: `process ${owner} captures it` });
  await endJob(virsh, domain, folder);
  await rm(folder, { recursive: true, force: true });
}

function chosenDisks(disks: readonly DomainDisk[], { excluded, source }: LibvirtOptions): DomainDisk[] {
  const names = disks.map(({ target }) => target);
  const said = `its disks are ${names.join(", ") || "none"}`;
  const unknown = excluded.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw sourcesError("SOURCES_SETTINGS", { source, reason: `there is no disk ${unknown} to exclude: ${said}` });
  const chosen = disks.filter(({ target }) => !excluded.includes(target));
  if (chosen.length === 0) throw sourcesError("SOURCES_SETTINGS", { source, reason: `no disk is left: ${said}` });
  return chosen;
}

async function machineFiles(
  definition: string,
  { variables }: Domain,
  { onWarning }: LibvirtOptions,
): Promise<MachineFile[]> {
  const files = [{ name: DEFINITION_FILE, bytes: Buffer.from(definition) }];
  if (variables === undefined) return files;
  try {
    if ((await stat(variables)).size > MAX_VARIABLES_BYTES) throw new Error("it is too large for what it should be");
    files.push({ name: VARIABLES_FILE, bytes: await readFile(variables) });
  } catch (error) {
    onWarning({ code: "no-nvram", message: `the variables of its firmware are not stored: ${messageOf(error)}` });
  }
  return files;
}

async function stopped(domain: Domain, files: readonly MachineFile[], options: LibvirtOptions): Promise<Moment> {
  const { source, programs, temporary, destination, onWarning, signal } = options;
  const images = chosenDisks(domain.disks, options).map(({ target, format, path }) => {
    if (path !== undefined) return { name: target, format, path };
    const reason = `the disk ${target} is no file of this host, and its domain does not run`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "capturing it", reason });
  });
  const previous = async (): Promise<PreviousCapture | undefined> => destination?.previous();
  const moment = await stoppedMoment({ source, programs, images, temporary, previous, onWarning, signal });
  return { ...moment, files, machine: domain.shape };
}
