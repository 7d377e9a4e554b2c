/** What the configuration says of a PostgreSQL cluster that is captured by its files, and of its journal. */
import { z } from "zod";
import { absolutePath, duration } from "../../contract/setting-types.ts";

export const physicalSettings = {
  "data-folder": absolutePath
    .optional()
    .describe("Method physical: the data folder as this machine sees it. Default: where the server says it is."),
  transfer: z
    .enum(["auto", "files", "stream"])
    .default("auto")
    .describe(
      "Method physical: `files` reads the data folder on this machine, `stream` has the server send all of it, `auto` takes files where it can.",
    ),
  checkpoint: z
    .enum(["fast", "spread"])
    .default("fast")
    .describe("Method physical: whether the server begins the backup at once, or with its next checkpoint."),
  tablespaces: z
    .record(absolutePath, absolutePath)
    .default({})
    .describe("Method physical: other places for tablespaces when they are restored, by their own."),
  "recovery-limit": duration
    .prefault("6h")
    .describe("Method physical: how long the server of a proof may take to replay its journal."),
  journal: z
    .strictObject({
      keep: z
        .enum(["needed", "all"])
        .default("needed")
        .describe("What stays in the newest snapshot of the journal: all, or what some snapshot of this source needs."),
      slot: z
        .string()
        .regex(/^[a-z0-9_]{1,63}$/, "a slot has small letters, digits and _")
        .optional()
        .describe(
          "A physical replication slot for `journal follow`, which is made where it is not there: the server keeps what was not taken yet.",
        ),
      "partial-every": duration
        .prefault("10s")
        .describe("How often `journal follow` stores the segment that is being written."),
    })
    .prefault({})
    .describe("The WAL as a journal."),
};
