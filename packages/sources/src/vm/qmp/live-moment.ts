/**
 * The disks of a running machine at one moment, by its QEMU's monitor. In one transaction for all disks, QEMU begins to keep what the
 * guest overwrites in overlays, and to record in bitmaps what changes; the overlays, with the disks behind them, are offered over NBD.
 */
import { chmod, chown, mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import type { CallOptions, CaptureDestination, PreviousCapture, SourceWarning } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Programs } from "../../programs/programs.ts";
import type { AgentPlace } from "../agent/guest-agent.ts";
import { whileFrozen } from "../agent/guest-agent.ts";
import { chosenDisks } from "../chosen-disks.ts";
import { Closing } from "../closing.ts";
import { bitmapSince } from "../choose-since.ts";
import type { Moment, MomentDisk } from "../moment.ts";
import { NbdConnection } from "../nbd/nbd-connection.ts";
import { ALLOCATION, dirtyBitmap } from "../nbd/protocol.ts";
import { watchRoom } from "../room-watch.ts";
import { changesSince } from "../stored-facts.ts";
import { undoneIfKilled } from "../undo/undone-if-killed.ts";
import { type BlockDevice, blockDevices } from "./block-devices.ts";
import { removeLeftovers, removeOwn } from "./leftovers.ts";
import { machineShape } from "./machine-shape.ts";
import { type Line, bitmapPrefix, newBitmap, ourPrefix } from "./names.ts";
import { QmpConnection, QmpRefusal } from "./qmp-connection.ts";

export interface LiveOptions extends CallOptions {
  readonly socket: string;
  readonly source: string;
  readonly programs: Programs;
  readonly agent: AgentPlace | undefined;
  /** Where the overlays are put; QEMU must be able to write there. */
  readonly scratch: string;
  readonly excluded: readonly string[];
  readonly line: Omit<Line, "repository">;
  readonly destination: CaptureDestination | undefined;
  readonly onWarning: (warning: SourceWarning) => void;
}

interface PlannedDisk {
  readonly device: BlockDevice;
  readonly overlay: string;
  readonly file: string;
  readonly path: string;
  readonly job: string;
  /** The one that goes on from here. */
  readonly bitmap: string | undefined;
  readonly since: { readonly bitmap: string; readonly copy: string } | undefined;
}

/** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_BUSY, SOURCES_SETTINGS, SOURCES_NO_ROOM, SOURCES_TOOL_FAILED */
export async function liveMoment(options: LiveOptions): Promise<Moment> {
  const { source, signal } = options;
  const qmp = await QmpConnection.open(options.socket, source, { signal });
  try {
    await removeLeftovers(qmp, source, { signal });
    const devices = chosenDisks(await blockDevices(qmp, { signal }), options.excluded, source);
    const previous = await options.destination?.previous();
    return await new LiveCapture(qmp, options).begin(devices, previous);
  } catch (error) {
    qmp.close();
    if (error instanceof QmpRefusal) throw refused(source, error);
    throw error;
  }
}

class LiveCapture {
  readonly #qmp: QmpConnection;
  readonly #options: LiveOptions;
  readonly #ended = new AbortController();
  readonly #closing = new Closing();
  readonly #jobs = new Set<string>();
  #broken: string | undefined;

  constructor(qmp: QmpConnection, options: LiveOptions) {
    this.#qmp = qmp;
    this.#options = options;
    this.#closing.add(() => qmp.close());
  }

  async begin(devices: readonly BlockDevice[], previous: PreviousCapture | undefined): Promise<Moment> {
    const { source, programs, agent, signal, socket } = this.#options;
    const qmp = this.#qmp;
    const folder = await this.#makeFolder();
    this.#closing.add(() => rm(folder, { recursive: true, force: true }));
    try {
      const prefix = await ourPrefix();
      const watchdog = undoneIfKilled(programs, { agent, qmp: { path: socket, prefix }, folder });
      this.#closing.add(() => watchdog.dismiss());
      const disks = this.#plan(devices, previous, { prefix, folder });
      await this.#dropOldBitmaps(disks);
      this.#closing.add(qmp.onEvent((event, data) => this.#hear(event, data)));
      const nbd = join(folder, "nbd");
      let stopsServer = false;
      this.#closing.add(() => removeOwn(qmp, prefix, { stopsServer, ...unlimited() }));
      await this.#addOverlays(disks);
      const stopWatching = await watchRoom(folder, totalBytes(disks), source, (error) => this.#giveUp(error));
      this.#closing.add(stopWatching);
      const { frozen, reason, atMs } = await this.#atOneMoment(disks);
      if (reason !== undefined && agent !== undefined) this.#warnNotFrozen(reason);
      await this.#run("nbd-server-start", { addr: { type: "unix", data: { path: nbd } } });
      stopsServer = true;
      const read = AbortSignal.any([signal, this.#ended.signal]);
      const opened: MomentDisk[] = [];
      for (const disk of disks) opened.push(await this.#offer(disk, { nbd, prefix, previous, signal: read }));
      // The first at the end: nobody reads on while all is taken away.
      this.#closing.add(() => this.#ended.abort(new Error("the capture has ended")));
      return {
        disks: opened,
        files: [],
        atMs,
        frozen: agent === undefined ? undefined : frozen,
        ...(await machineShape(qmp, { signal })),
        signal: read,
        assertHeld: () => this.#assertHeld(),
        close: () => this.#closing.close(),
      };
    } catch (error) {
      await this.#closing.close();
      throw error;
    }
  }

  /** For QEMU's user, where that is another: as the owner of its socket shows. */
  async #makeFolder(): Promise<string> {
    const folder = await mkdtemp(join(this.#options.scratch, `${await ourPrefix()}vm-`));
    const { uid, gid } = await stat(this.#options.socket);
    if (process.getuid?.() === 0 && uid !== 0) await chown(folder, uid, gid);
    await chmod(folder, 0o700);
    return folder;
  }

  #plan(
    devices: readonly BlockDevice[],
    previous: PreviousCapture | undefined,
    { prefix, folder }: { prefix: string; folder: string },
  ): PlannedDisk[] {
    const { destination, line, onWarning } = this.#options;
    const bitmap = destination === undefined ? undefined : newBitmap({ ...line, repository: destination.repository });
    return devices.map((device, n) => {
      const since = bitmapSince(device, previous, onWarning);
      return {
        device,
        overlay: `${prefix}o${n}`,
        file: `${prefix}f${n}`,
        path: join(folder, `overlay${n}`),
        job: `${prefix}j${n}`,
        // Not the same in each: disks may change places.
        bitmap: device.keepsBitmaps && bitmap !== undefined ? `${bitmap}-${n}` : undefined,
        since: since === undefined ? undefined : { bitmap: since, copy: `${prefix}b${n}` },
      };
    });
  }

  /** Those of captures that made no snapshot, or whose snapshot is not the newest any more. */
  async #dropOldBitmaps(disks: readonly PlannedDisk[]): Promise<void> {
    const { destination, line } = this.#options;
    if (destination === undefined) return;
    const prefix = bitmapPrefix({ ...line, repository: destination.repository });
    for (const { device, since } of disks) {
      for (const { name, busy } of device.bitmaps) {
        if (!name.startsWith(prefix) || name === since?.bitmap || busy) continue;
        await this.#run("block-dirty-bitmap-remove", { node: device.node, name });
      }
    }
  }

  async #addOverlays(disks: readonly PlannedDisk[]): Promise<void> {
    const { programs, socket, signal } = this.#options;
    const { uid, gid } = await stat(socket);
    for (const { device, overlay, file, path } of disks) {
      const args = ["create", "-q", "-f", "qcow2", path, String(device.sizeBytes)];
      await programs.text({ tool: "qemu-img", args, how: "Install the package qemu-utils." }, { signal });
      if (process.getuid?.() === 0 && uid !== 0) await chown(path, uid, gid);
      await this.#run("blockdev-add", { driver: "file", "node-name": file, filename: path });
      await this.#run("blockdev-add", { driver: "qcow2", "node-name": overlay, file, backing: device.node });
    }
  }

  /** Freezes, has everything begin at once, and thaws. */
  async #atOneMoment(disks: readonly PlannedDisk[]): Promise<{ frozen: number; reason?: string; atMs: number }> {
    const { agent, signal } = this.#options;
    const actions = disks.flatMap((disk) => beginActions(disk));
    const begin = async (): Promise<number> => {
      for (const { job } of disks) this.#jobs.add(job);
      await this.#run("transaction", { actions });
      return Date.now();
    };
    if (agent === undefined) return { frozen: 0, atMs: await begin() };
    const { result, ...frozen } = await whileFrozen(agent, begin, { signal });
    return { ...frozen, atMs: result };
  }

  async #offer(
    { device, overlay, since, bitmap }: PlannedDisk,
    {
      nbd,
      prefix,
      previous,
      signal,
    }: CallOptions & { nbd: string; prefix: string; previous: PreviousCapture | undefined },
  ): Promise<MomentDisk> {
    const exportName = `${prefix}${device.name}`;
    const bitmaps = since === undefined ? [] : [{ node: device.node, name: since.copy }];
    await this.#run("block-export-add", {
      type: "nbd",
      id: exportName,
      "node-name": overlay,
      name: exportName,
      bitmaps,
    });
    const contexts = [ALLOCATION, ...(since === undefined ? [] : [dirtyBitmap(since.copy)])];
    const { source } = this.#options;
    const connection = await NbdConnection.open({ socketPath: nbd, source, exportName, contexts }, { signal });
    this.#closing.add(() => connection.close());
    return {
      name: device.name,
      format: device.format,
      image: device.image,
      connection,
      bitmap,
      since:
        since === undefined || previous === undefined ? undefined : changesSince(previous, device.name, since.copy),
    };
  }

  #hear(event: string, { device, error }: Readonly<Record<string, unknown>>): void {
    if (!this.#jobs.has(String(device))) return;
    if (event === "BLOCK_JOB_ERROR") this.#broken = "writing to an overlay failed";
    if (event === "BLOCK_JOB_COMPLETED" || event === "BLOCK_JOB_CANCELLED") {
      this.#broken = `QEMU has ended the job that keeps the moment${typeof error === "string" ? `: ${error}` : ""}`;
    }
  }

  async #assertHeld(): Promise<void> {
    const { source, signal } = this.#options;
    this.#ended.signal.throwIfAborted();
    const running = (await this.#qmp.execute("query-block-jobs", {}, { signal })) as { device: string }[];
    const isLost = [...this.#jobs].some((job) => !running.some(({ device }) => device === job));
    const reason = this.#broken ?? (isLost ? "the job that keeps the moment is gone" : undefined);
    if (reason !== undefined) throw sourcesError("SOURCES_TOOL_FAILED", { tool: "QEMU", source, reason });
  }

  #warnNotFrozen(reason: string): void {
    const message = `the guest was not frozen, so its disks are as after a power cut: ${reason}`;
    this.#options.onWarning({ code: "not-frozen", message });
  }

  /** Before the guest suffers: its writes wait for the overlay. */
  #giveUp(error: unknown): void {
    this.#ended.abort(error);
    this.#closing.closeBehind();
  }

  async #run(command: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#qmp.execute(command, args, { signal: AbortSignal.any([this.#options.signal, this.#ended.signal]) });
  }
}

/**
 * Not the other way round: what is written between two of these may be in a bitmap although it is in the snapshot, never missing from
 * it.
 */
function beginActions({ device: { node }, overlay, job, bitmap, since }: PlannedDisk): object[] {
  const keep = { node, name: bitmap, persistent: true };
  const copy = { node, name: since?.copy, disabled: true };
  const merge = { node, target: since?.copy, bitmaps: [since?.bitmap] };
  return [
    ...(bitmap === undefined ? [] : [{ type: "block-dirty-bitmap-add", data: keep }]),
    { type: "blockdev-backup", data: { "job-id": job, device: node, target: overlay, sync: "none" } },
    ...(since === undefined
      ? []
      : [
          { type: "block-dirty-bitmap-add", data: copy },
          { type: "block-dirty-bitmap-merge", data: merge },
        ]),
  ];
}

function refused(source: string, error: QmpRefusal): Error {
  const { message } = error;
  if (message.includes("already running")) {
    return sourcesError(
      "SOURCES_BUSY",
      { source, reason: "its QEMU runs an NBD server for somebody else already" },
      error,
    );
  }
  if (/Permission denied|Read-only file system/.test(message)) {
    const reason = `QEMU may not use the folder for what the guest overwrites meanwhile; name one with the setting scratch (${message})`;
    return sourcesError("SOURCES_SETTINGS", { source, reason }, error);
  }
  return sourcesError("SOURCES_TOOL_FAILED", { tool: "QEMU", source, reason: messageOf(error) }, error);
}

function totalBytes(disks: readonly PlannedDisk[]): number {
  return disks.reduce((sum, { device }) => sum + device.sizeBytes, 0);
}

/** What is undone is undone to its end, also when the capture was aborted; QEMU's answers have limits of their own. */
function unlimited(): CallOptions {
  return { signal: new AbortController().signal };
}
