/** What a capture of a machine says of itself, and what is read of an earlier one. */
import { z } from "zod";
import type { PreviousCapture } from "../contract/source.ts";
import { type StoredFacts, detailBy } from "../contract/facts.ts";
import type { ChangesSince } from "./moment.ts";

const FILE_NAME = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

const DISK = z.object({
  name: FILE_NAME,
  /** In the capture. */
  file: z.string().regex(/^disks\/[A-Za-z0-9][A-Za-z0-9._-]*\.raw$/),
  sizeBytes: z.int().nonnegative(),
  format: z.string(),
  image: z.string(),
  /** Keeps what has changed since this capture. */
  bitmap: z.string().optional(),
  /**
   * What the bitmap had recorded by this capture, each stretch by its start and end, where it was begun by an earlier one and went on. An
   * image that is put back to a copy from before this capture lacks some of that in its bitmap, and differs there from this capture.
   */
  recorded: z.array(z.tuple([z.int().nonnegative(), z.int().positive()])).optional(),
  /** What was read of it: all that is not a hole, or what had changed. */
  readBytes: z.int().nonnegative(),
  changedOnly: z.boolean(),
});

const DETAIL = z.object({
  disks: z.array(DISK).min(1),
  files: z.array(FILE_NAME).default([]),
  frozen: z.int().nonnegative().optional(),
  machine: z
    .object({
      memoryBytes: z.int().positive().optional(),
      cpus: z.int().positive().optional(),
      type: z.string().optional(),
      uefi: z.boolean().optional(),
    })
    .default({}),
});

export type DiskFacts = z.infer<typeof DISK>;
export type VmDetail = z.infer<typeof DETAIL>;

/** @throws SOURCES_DAMAGED */
export function vmDetail(facts: StoredFacts): VmDetail {
  return detailBy(DETAIL, facts);
}

/** The disk of this name in an earlier capture. */
export function previousDisk(previous: PreviousCapture | undefined, name: string): DiskFacts | undefined {
  const parsed = DETAIL.safeParse(previous?.facts.detail);
  return parsed.success ? parsed.data.disks.find((each) => each.name === name) : undefined;
}

/** What has changed of a disk since an earlier capture: at least what a bitmap says, offered with the disk by that name. */
export function changesSince(previous: PreviousCapture, disk: string, bitmap: string): ChangesSince {
  const recorded = (previousDisk(previous, disk)?.recorded ?? []).map(([start, end]) => ({ start, end }));
  return { snapshot: previous.snapshot, bitmap, recorded };
}

/** Whether its bitmap is called as that of another disk of the same capture. */
export function sharesBitmap(previous: PreviousCapture | undefined, { name, bitmap }: DiskFacts): boolean {
  const parsed = DETAIL.safeParse(previous?.facts.detail);
  return parsed.success && parsed.data.disks.some((each) => each.name !== name && each.bitmap === bitmap);
}
