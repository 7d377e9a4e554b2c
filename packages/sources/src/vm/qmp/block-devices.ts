/** The disks that a running machine has, as QEMU tells of them. */
import { z } from "zod";
import type { CallOptions } from "../../contract/source.ts";
import type { QmpConnection } from "./qmp-connection.ts";

const BITMAP = z.object({
  name: z.string().default(""),
  recording: z.boolean(),
  busy: z.boolean(),
  persistent: z.boolean(),
  inconsistent: z.boolean().default(false),
});

const DEVICES = z.array(
  z.object({
    device: z.string(),
    qdev: z.string().optional(),
    inserted: z
      .object({
        "node-name": z.string(),
        ro: z.boolean(),
        drv: z.string(),
        image: z.object({
          filename: z.string(),
          "virtual-size": z.number(),
          "format-specific": z.object({ data: z.looseObject({ compat: z.string().optional() }) }).optional(),
        }),
        "dirty-bitmaps": z.array(BITMAP).default([]),
      })
      .optional(),
  }),
);

export type DirtyBitmap = z.infer<typeof BITMAP>;

export interface BlockDevice {
  /** For people, and as a file name: unique among the machine's. */
  readonly name: string;
  /** The node at its top. */
  readonly node: string;
  /** QEMU's name of the format. */
  readonly format: string;
  readonly image: string;
  readonly sizeBytes: number;
  /** Bitmaps can be kept in it. */
  readonly keepsBitmaps: boolean;
  readonly bitmaps: readonly DirtyBitmap[];
}

/** Those that can be written to, with a medium, in QEMU's order. @throws as `QmpConnection.execute` */
export async function blockDevices(qmp: QmpConnection, options: CallOptions): Promise<BlockDevice[]> {
  const found: BlockDevice[] = [];
  for (const { device, qdev, inserted } of DEVICES.parse(await qmp.execute("query-block", {}, options))) {
    if (inserted === undefined || inserted.ro) continue;
    const { image, drv } = inserted;
    const node = inserted["node-name"];
    const wished = fileName(device, qdev, node) ?? `disk${found.length}`;
    const isTaken = found.some(({ name }) => name === wished);
    found.push({
      name: isTaken ? `${wished}-${found.length}` : wished,
      node,
      format: drv,
      image: image.filename,
      sizeBytes: image["virtual-size"],
      keepsBitmaps: drv === "qcow2" && image["format-specific"]?.data.compat !== "0.10",
      bitmaps: inserted["dirty-bitmaps"],
    });
  }
  return found;
}

/** What the user has called it, if anything. Names that QEMU made up begin with `#`, and change from start to start. */
function fileName(device: string, qdev: string | undefined, node: string): string | undefined {
  const id = qdev === undefined ? undefined : (/^\/machine\/peripheral\/([^/]+)/.exec(qdev)?.[1] ?? qdev);
  return [device, id, node].find((each) => each !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(each));
}
