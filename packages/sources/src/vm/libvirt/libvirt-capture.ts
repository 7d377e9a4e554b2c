/** One capture of a domain that runs. */
import { chmod, chown, mkdtemp, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "@holdfast/base";
import type { CallOptions, PreviousCapture } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { movedFrom } from "../choose-since.ts";
import { Closing } from "../closing.ts";
import type { MachineFile, Moment, MomentDisk } from "../moment.ts";
import { NbdConnection } from "../nbd/nbd-connection.ts";
import { ALLOCATION, dirtyBitmap } from "../nbd/protocol.ts";
import { bitmapPrefix, newBitmap, ourPrefix } from "../qmp/names.ts";
import { watchRoom } from "../room-watch.ts";
import { changesSince, previousDisk } from "../stored-facts.ts";
import { undoneIfKilled } from "../undo/undone-if-killed.ts";
import { endJob, holdsFolder } from "./backup-job.ts";
import { type PlannedDisk, backupXml, checkpointXml } from "./backup-xml.ts";
import type { Domain, DomainDisk } from "./domain-xml.ts";
import { whileDomainFrozen } from "./freeze-domain.ts";
import type { LibvirtOptions } from "./libvirt-moment.ts";

/** Longer paths of sockets are cut off by the system. */
const MAX_SOCKET_CHARS = 100;

/** A disk with its size now. */
interface SizedDisk extends DomainDisk {
  readonly sizeBytes: number;
}

interface Marks {
  /** The checkpoint that goes on from here. */
  readonly checkpoint: string | undefined;
  /** The one of the capture before. */
  readonly since: string | undefined;
  readonly previous: PreviousCapture | undefined;
}

export class LibvirtCapture {
  readonly #options: LibvirtOptions;
  readonly #ended = new AbortController();
  readonly #closing = new Closing();
  #folder = "";

  constructor(options: LibvirtOptions) {
    this.#options = options;
  }

  async begin(running: Domain, files: readonly MachineFile[], previous: PreviousCapture | undefined): Promise<Moment> {
    const { virsh, source, destination, line, freezes, signal } = this.#options;
    const sized = await this.#sized(running.disks);
    this.#folder = await this.#makeFolder(sized);
    const folder = this.#folder;
    this.#closing.add(() => rm(folder, { recursive: true, force: true }));
    try {
      const checkpoint =
        destination === undefined ? undefined : newBitmap({ ...line, repository: destination.repository });
      const marks = { checkpoint, since: await this.#dropOldCheckpoints(sized, previous), previous };
      await this.#undoneIfKilled();
      this.#closing.add(() => endJob(this.#options, folder));
      const total = sized.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      this.#closing.add(await watchRoom(folder, total, source, (error) => this.#giveUp(error)));
      const begun = await this.#atOneMoment(sized, marks);
      const read = AbortSignal.any([signal, this.#ended.signal]);
      const disks: MomentDisk[] = [];
      for (const disk of begun.disks) disks.push(await this.#open(disk, marks, { signal: read }));
      // The first at the end: nobody reads on while all is taken away.
      this.#closing.add(() => this.#ended.abort(new Error("the capture has ended")));
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
        close: () => this.#closing.close(),
      };
    } catch (error) {
      await this.#closing.close();
      throw error;
    }
  }

  async #sized(disks: readonly DomainDisk[]): Promise<SizedDisk[]> {
    const { virsh, domain, source, signal } = this.#options;
    const sized: SizedDisk[] = [];
    for (const disk of disks) {
      const said = await virsh.run(["domblkinfo", domain, disk.name], { signal });
      const sizeBytes = Number(/^Capacity:\s*(\d+)/m.exec(said)?.[1]);
      if (!Number.isSafeInteger(sizeBytes)) {
        const reason = `it does not tell how large the disk ${disk.name} is`;
        throw sourcesError("SOURCES_TOOL_FAILED", { tool: "virsh", source, reason });
      }
      sized.push({ ...disk, sizeBytes });
    }
    return sized;
  }

  /** Beside a disk, where its QEMU may write, unless another place is named; QEMU makes the socket itself. */
  async #makeFolder(disks: readonly DomainDisk[]): Promise<string> {
    const { scratch, source } = this.#options;
    const refuse = (reason: string): Error =>
      sourcesError("SOURCES_SETTINGS", { source, reason: `${reason}: name a folder with the setting scratch` });
    const image = disks.find(({ path }) => path !== undefined && !path.startsWith("/dev/"))?.path;
    const place = scratch ?? (image === undefined ? undefined : dirname(image));
    if (place === undefined)
      throw refuse("there is no place for what the guest overwrites, as none of its disks is a file");
    const folder = await mkdtemp(join(place, `${await ourPrefix()}vm-`));
    if (join(folder, "nbd").length > MAX_SOCKET_CHARS) {
      await rm(folder, { recursive: true });
      throw refuse(`${place} is too long a path for a socket`);
    }
    const owner = image === undefined ? undefined : await stat(image);
    if (process.getuid?.() === 0 && owner !== undefined) await chown(folder, owner.uid, owner.gid);
    await chmod(folder, 0o700);
    return folder;
  }

  async #undoneIfKilled(): Promise<void> {
    const { virsh, programs, uri, domain, freezes: thaws } = this.#options;
    const folder = this.#folder;
    const program = await virsh.program();
    const watchdog = undoneIfKilled(programs, { libvirt: { program, uri, domain, marker: folder, thaws }, folder });
    this.#closing.add(() => watchdog.dismiss());
  }

  /** @returns the checkpoint of the capture before, where it is still there */
  async #dropOldCheckpoints(
    disks: readonly DomainDisk[],
    previous: PreviousCapture | undefined,
  ): Promise<string | undefined> {
    const { virsh, domain, destination, line, onWarning, signal } = this.#options;
    if (destination === undefined) return undefined;
    const marks = disks.map(({ name }) => previousDisk(previous, name)?.bitmap);
    const wanted = marks.find((each) => each !== undefined);
    const listed = await virsh.run(["checkpoint-list", domain, "--name"], { signal });
    const present = listed.split(/\s+/).filter((name) => name !== "");
    const prefix = bitmapPrefix({ ...line, repository: destination.repository });
    for (const name of present) {
      if (name.startsWith(prefix) && name !== wanted) await virsh.run(["checkpoint-delete", domain, name], { signal });
    }
    if (wanted === undefined || present.includes(wanted)) return wanted;
    const message = "its disks are read as a whole: libvirt has no checkpoint of the last capture";
    onWarning({ code: "bitmap-lost", message });
    return undefined;
  }

  async #atOneMoment(
    disks: readonly SizedDisk[],
    marks: Marks,
  ): Promise<{ disks: PlannedDisk[]; frozen: number; atMs: number }> {
    const { freezes, freezeLimitMs: limitMs, signal, virsh, domain, source, onWarning } = this.#options;
    const begin = async (): Promise<{ disks: PlannedDisk[]; atMs: number }> => ({
      disks: await this.#beginJob(disks, marks),
      atMs: Date.now(),
    });
    if (!freezes) return { ...(await begin()), frozen: 0 };
    const { result, frozen } = await whileDomainFrozen({ virsh, domain, source, limitMs, onWarning, signal }, begin);
    return { ...result, frozen };
  }

  /** Without the checkpoint of before, when libvirt cannot build upon it. */
  async #beginJob(disks: readonly SizedDisk[], marks: Marks): Promise<PlannedDisk[]> {
    const { onWarning, signal } = this.#options;
    try {
      return await this.#tryBegin(disks, marks);
    } catch (error) {
      signal.throwIfAborted();
      const reason = messageOf(error);
      if (marks.since === undefined || !/checkpoint|bitmap/i.test(reason)) throw error;
      onWarning({ code: "bitmap-lost", message: `its disks are read as a whole: ${reason}` });
      return this.#tryBegin(disks, { ...marks, since: undefined });
    }
  }

  async #tryBegin(disks: readonly SizedDisk[], { checkpoint, since, previous }: Marks): Promise<PlannedDisk[]> {
    const { virsh, domain, onWarning, signal } = this.#options;
    const planned = disks.map((disk, n) => {
      const before = previousDisk(previous, disk.name);
      const isMarked = since !== undefined && before?.bitmap === since;
      // A checkpoint does not tell of what was cut off and came back as zeros.
      const reason = !isMarked
        ? undefined
        : before.sizeBytes === disk.sizeBytes
          ? movedFrom({ name: disk.name, image: disk.path ?? "" }, previous)
          : `it had ${before.sizeBytes} bytes and has ${disk.sizeBytes}`;
      if (reason !== undefined) {
        onWarning({ code: "bitmap-lost", message: `the disk ${disk.name} is read as a whole: ${reason}` });
      }
      const scratch = join(this.#folder, `overlay${n}`);
      return { ...disk, scratch, since: isMarked && reason === undefined ? since : undefined };
    });
    const marked = checkpoint !== undefined && disks.some(({ format }) => format === "qcow2");
    const xml = [backupXml(join(this.#folder, "nbd"), planned), ...(marked ? [checkpointXml(checkpoint, disks)] : [])];
    await virsh.withFiles(["backup-begin", domain], xml, { signal });
    return planned;
  }

  async #open(disk: PlannedDisk, { checkpoint, previous }: Marks, { signal }: CallOptions): Promise<MomentDisk> {
    const { name, format, path, since } = disk;
    const { source } = this.#options;
    const contexts = [ALLOCATION, ...(since === undefined ? [] : [dirtyBitmap(name)])];
    const place = { socketPath: join(this.#folder, "nbd"), source, exportName: name, contexts };
    const connection = await NbdConnection.open(place, { signal });
    this.#closing.add(() => connection.close());
    return {
      name,
      format,
      image: path ?? "",
      connection,
      bitmap: format === "qcow2" ? checkpoint : undefined,
      since: since === undefined || previous === undefined ? undefined : changesSince(previous, name, name),
    };
  }

  async #assertHeld(): Promise<void> {
    const { source, signal } = this.#options;
    this.#ended.signal.throwIfAborted();
    if (await holdsFolder(this.#options, this.#folder, { signal })) return;
    const reason = "the backup job that keeps the moment is gone";
    throw sourcesError("SOURCES_TOOL_FAILED", { tool: "libvirt", source, reason });
  }

  /** Before the guest suffers: its writes wait for the overlay. */
  #giveUp(error: unknown): void {
    this.#ended.abort(error);
    this.#closing.closeBehind();
  }
}
