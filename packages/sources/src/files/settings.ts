/** What the configuration says of a source of kind `files`. */
import { isWithin } from "@holdfast/base";
import { CACHE_TAG, type SelectionRules, parseTagFile } from "@holdfast/engine";
import { z } from "zod";
import { absolutePath, pathPattern, size } from "../contract/setting-types.ts";

const cleanPath = absolutePath.transform((text) =>
  text === "/" ? text : text.replaceAll(/\/+/g, "/").replace(/\/$/, ""),
);

export const filesSettings = z.strictObject({
  paths: z
    .array(cleanPath)
    .min(1, "name a path")
    .refine((paths) => paths.every((one, at) => !paths.some((other, n) => n !== at && isWithin(one, other))), {
      message: "one of the paths lies in another, or stands there twice",
    })
    .describe("Files and folders, absolute."),
  exclude: z.array(pathPattern).default([]).describe("Patterns of what is left out, as `backup --exclude` takes them."),
  "exclude-if-present": z
    .array(z.string().min(1))
    .default([])
    .describe("The content of a folder that holds a file of this name is left out; `NAME:HEADER` looks into it, too."),
  "exclude-caches": z.boolean().default(true).describe("Leave out folders that are tagged as caches (CACHEDIR.TAG)."),
  "exclude-larger-than": size.optional().describe("Leave out files that are larger."),
  "one-file-system": z.boolean().default(false).describe("Do not follow mounts below the paths."),
  snapshot: z
    .enum(["none", "auto", "btrfs", "lvm", "zfs"])
    .default("none")
    .describe(
      "Read from a snapshot of the file system, so that all files are of one moment. `auto` takes what the file system of each path has.",
    ),
  "snapshot-size": z
    .string()
    .regex(/^\d+(%(ORIGIN|FREE|VG)|[kmgtKMGT])$/, "give a size such as 5G or 10%ORIGIN")
    .default("10%ORIGIN")
    .describe("Room for what changes while a snapshot of LVM is read; thin volumes need none."),
  databases: z
    .enum(["copy", "as-files"])
    .default("copy")
    .describe("SQLite databases among the files: copied as they are at one moment, or read like other files."),
  proof: z
    .strictObject({
      entries: z.int().min(1).max(1_000_000).default(200).describe("So many entries, drawn at random, are restored."),
      size: size.prefault("1G").describe("At most so much of them."),
    })
    .prefault({})
    .describe("How much a proof restores and compares."),
});

export type FilesSettings = z.infer<typeof filesSettings>;

/** What is left out below the paths. */
export function selectionRules(settings: FilesSettings): SelectionRules {
  return {
    excludes: settings.exclude.length === 0 ? [] : [{ lines: settings.exclude, ignoreCase: false }],
    ifPresent: [
      ...(settings["exclude-caches"] ? [CACHE_TAG] : []),
      ...settings["exclude-if-present"].map((text) => parseTagFile(text)),
    ],
    largerThanBytes: settings["exclude-larger-than"],
    oneFileSystem: settings["one-file-system"],
  };
}
