/** Whether what has changed of a disk since the capture before is known. */
import type { PreviousCapture, SourceWarning } from "../contract/source.ts";
import { previousDisk, sharesBitmap } from "./stored-facts.ts";

export interface DiskState {
  readonly name: string;
  /** Where it lies. */
  readonly image: string;
  readonly sizeBytes: number;
  readonly bitmaps: readonly BitmapState[];
}

export interface BitmapState {
  readonly name: string;
  readonly recording: boolean;
  readonly inconsistent: boolean;
  readonly busy: boolean;
}

/**
 * The bitmap that has recorded everything since that capture. Anything else than that is no basis: then all of the disk is read, and a
 * warning says so where the bitmap should have been there.
 */
export function bitmapSince(
  disk: DiskState,
  previous: PreviousCapture | undefined,
  onWarning: (warning: SourceWarning) => void,
): string | undefined {
  const before = previousDisk(previous, disk.name);
  if (before?.bitmap === undefined) return undefined;
  const found = disk.bitmaps.find(({ name }) => name === before.bitmap);
  const reason = movedFrom(disk, previous) ?? whyNot(found, before.sizeBytes, disk.sizeBytes);
  if (reason === undefined) return before.bitmap;
  const message = `the disk ${disk.name} is read as a whole: ${reason}`;
  onWarning({ code: "bitmap-lost", message });
  return undefined;
}

/**
 * libvirt calls the bitmaps of a checkpoint alike in all disks. When two of them have changed places, each has one of the right name
 * that tells of the other's snapshot: so a disk must lie where it lay. `undefined` when it does.
 */
export function movedFrom(
  { name, image }: Pick<DiskState, "name" | "image">,
  previous: PreviousCapture | undefined,
): string | undefined {
  const before = previousDisk(previous, name);
  if (before === undefined || before.image === image || !sharesBitmap(previous, before)) return undefined;
  return `its image was ${before.image} and is ${image}`;
}

function whyNot(bitmap: BitmapState | undefined, formerBytes: number, nowBytes: number): string | undefined {
  if (bitmap === undefined) return "the bitmap of what has changed since the last capture is not in its image";
  if (bitmap.inconsistent) return "the bitmap of what has changed is inconsistent, as after a crash of QEMU";
  if (!bitmap.recording) return "the bitmap of what has changed was switched off";
  if (bitmap.busy) return "the bitmap of what has changed is used by something else";
  // A bitmap does not tell of what was cut off and came back as zeros.
  if (formerBytes !== nowBytes) return `it had ${formerBytes} bytes and has ${nowBytes}`;
  return undefined;
}
