/** What a capture of containers leaves in `capture.json` for restores and proofs. */
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { detailBy } from "../contract/facts.ts";

const consistency = z.enum(["application", "file-system", "crash", "none"]);
/** A part of a path in the snapshot, and a name for the engine. */
const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
const path = z
  .string()
  .startsWith("/")
  .refine((text) => !text.split("/").includes(".."));

const CONTAINER = z.object({
  name,
  image: z.string(),
  imageId: z.string(),
  project: z.string().optional(),
  wasRunning: z.boolean(),
  /** How it came to rest: stopped, paused, or not at all. */
  rest: z.enum(["stop", "pause", "none"]),
  consistency,
});

const VOLUME = z.object({
  name,
  driver: z.string(),
  labels: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.string()),
  /** Absent: it could not be captured. */
  from: z.string().optional(),
  consistency,
});

const IMAGE = z.object({
  id: z.string(),
  tags: z.array(z.string()),
  digests: z.array(z.string()),
  /** The file of its archive. */
  file: z
    .string()
    .regex(/^[0-9a-f]{12,64}\.tar$/)
    .optional(),
});

const DETAIL = z.object({
  rootless: z.boolean(),
  containers: z.array(CONTAINER),
  volumes: z.array(VOLUME),
  binds: z.array(z.object({ path, isFolder: z.boolean() })),
  images: z.array(IMAGE),
});

export type DockerDetail = z.infer<typeof DETAIL>;
export type StoredContainer = z.infer<typeof CONTAINER>;
export type StoredVolume = z.infer<typeof VOLUME>;
export type StoredImage = z.infer<typeof IMAGE>;

/** Where things lie in a capture. */
export const PLACES = {
  /** `NAME.json`: a container as the engine showed it, with its environment. */
  containers: "containers",
  networks: "networks.json",
  images: "images",
  compose: "compose",
  /** `NAME/_data` */
  volumes: "volumes",
  /** The paths of the machine below it. */
  binds: "binds",
  data: "_data",
} as const;

/** @throws SOURCES_DAMAGED */
export function detailOf({ facts }: CapturedTree): DockerDetail {
  return detailBy(DETAIL, facts);
}
