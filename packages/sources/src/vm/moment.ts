/** The disks of a machine as they were at one moment, while they can be read. */
import type { ByteRange, Id } from "@holdfast/engine";
import type { NbdConnection } from "./nbd/nbd-connection.ts";

export interface MomentDisk {
  /** As the machine's owner calls it; also its file name. */
  readonly name: string;
  /** Of the image that it lies in: qcow2, raw … */
  readonly format: string;
  readonly image: string;
  readonly connection: NbdConnection;
  /** Keeps from this moment on what changes; for the next capture. */
  readonly bitmap: string | undefined;
  readonly since: ChangesSince | undefined;
}

export interface ChangesSince {
  readonly snapshot: Id;
  /** Offered with the disk: what has changed since that snapshot. */
  readonly bitmap: string;
  /** Where it may have changed besides, whatever the bitmap says. */
  readonly recorded: readonly ByteRange[];
}

/** A small file that is part of the machine: its definition, its firmware's variables. */
export interface MachineFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Moment {
  readonly disks: readonly MomentDisk[];
  readonly files: readonly MachineFile[];
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** How many file systems stood still; `undefined` when nobody was asked to. */
  readonly frozen: number | undefined;
  /** Programs with their versions. */
  readonly tools: Readonly<Record<string, string>>;
  /** What the machine is made of, as far as it is known: for a proof that starts one like it. */
  readonly machine: MachineShape;
  /** Ends with the capture, and as soon as the moment can be had no longer. */
  readonly signal: AbortSignal;
  /** @throws when what was read since may be of a later moment */
  assertHeld(): Promise<void>;
  /** Gives it up, and takes away what was made for it. May be called twice. */
  close(): Promise<void>;
}

export interface MachineShape {
  readonly memoryBytes?: number | undefined;
  readonly cpus?: number | undefined;
  /** QEMU's name of the machine type. */
  readonly type?: string | undefined;
  readonly uefi?: boolean | undefined;
}
