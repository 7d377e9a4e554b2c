import { expect, test } from "vitest";
import type { PreviousCapture } from "../contract/source.ts";
import { bitmapSince } from "./choose-since.ts";

const disk = (name: string, bitmap: string) => ({
  name,
  file: `disks/${name}.raw`,
  sizeBytes: 100,
  format: "qcow2",
  image: `/vm/${name}.qcow2`,
  bitmap,
  readBytes: 0,
  changedOnly: false,
});
const previous = (...disks: object[]) =>
  ({ snapshot: "0".repeat(64), facts: { detail: { disks } } }) as unknown as PreviousCapture;
const now = (name: string, image: string, bitmap: string) => ({
  name,
  image,
  sizeBytes: 100,
  bitmaps: [{ name: bitmap, recording: true, inconsistent: false, busy: false }],
});

test("a bitmap that is called alike in all disks is taken for one that lies where it lay, and for no other", () => {
  const before = previous(disk("vda", "c"), disk("vdb", "c"));
  const warnings: string[] = [];
  const since = (image: string) =>
    bitmapSince(now("vda", image, "c"), before, ({ message }) => void warnings.push(message));
  expect([since("/vm/vda.qcow2"), since("/vm/vdb.qcow2")]).toEqual(["c", undefined]);
  expect(warnings).toEqual(["the disk vda is read as a whole: its image was /vm/vda.qcow2 and is /vm/vdb.qcow2"]);
});

test("a bitmap of a name of its own says whose it is, wherever its image lies now", () => {
  const before = previous(disk("vda", "c-0"), disk("vdb", "c-1"));
  const since = (bitmap: string) => bitmapSince(now("vda", "/other/vda.qcow2", bitmap), before, () => {});
  expect([since("c-0"), since("c-1")]).toEqual(["c-0", undefined]);
});
