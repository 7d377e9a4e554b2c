/** Answers of the engine, as far as they are used. Whatever else they hold stays in them, as it is stored. */
import { z } from "zod";

const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const strings = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);

export const VERSION = z.looseObject({
  Version: z.string(),
  ApiVersion: z.string().regex(/^\d+\.\d+$/),
  MinAPIVersion: z
    .string()
    .regex(/^\d+\.\d+$/)
    .optional(),
  Components: z
    .array(z.looseObject({ Name: z.string() }))
    .nullish()
    .transform((value) => value ?? []),
});

export const INFO = z.looseObject({ SecurityOptions: strings, Rootless: z.boolean().optional() });

export const LISTED_CONTAINERS = z.array(z.looseObject({ Id: z.string(), Names: strings, State: z.string() }));

const MOUNT = z.looseObject({
  Type: z.string(),
  Name: z.string().optional(),
  Source: z.string().default(""),
  Destination: z.string(),
  Driver: z.string().optional(),
  RW: z.boolean().default(true),
});

/** A mount of a container. */
export type EngineMount = z.infer<typeof MOUNT>;

export const CONTAINER = z.looseObject({
  Id: z.string().regex(/^[0-9a-f]{12,64}$/),
  Name: z.string(),
  Image: z.string(),
  State: z.looseObject({
    Status: z.string(),
    Running: z.boolean(),
    Paused: z.boolean().default(false),
    ExitCode: z.int().default(0),
    StartedAt: z.string().default(""),
    Health: z.looseObject({ Status: z.string() }).nullish(),
  }),
  Config: z.looseObject({
    Image: z.string(),
    Labels: labels,
    StopTimeout: z.int().nullish(),
    Healthcheck: z.looseObject({ Test: strings }).nullish(),
  }),
  HostConfig: z.looseObject({
    AutoRemove: z.boolean().default(false),
    NetworkMode: z.string().default(""),
  }),
  Mounts: z
    .array(MOUNT)
    .nullish()
    .transform((value) => value ?? []),
  NetworkSettings: z.looseObject({
    Networks: z
      .record(z.string(), z.looseObject({}))
      .nullish()
      .transform((value) => value ?? {}),
  }),
});

/** A container as `inspect` shows it. Its environment may hold secrets. */
export type EngineContainer = z.infer<typeof CONTAINER>;

export const VOLUME = z.looseObject({
  Name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/),
  Driver: z.string(),
  Mountpoint: z.string(),
  Labels: labels,
  Options: labels,
});

export type EngineVolume = z.infer<typeof VOLUME>;

export const VOLUMES = z.looseObject({
  Volumes: z
    .array(VOLUME)
    .nullish()
    .transform((value) => value ?? []),
});

export const IMAGE = z.looseObject({ Id: z.string(), RepoTags: strings, RepoDigests: strings });

export type EngineImage = z.infer<typeof IMAGE>;

export const NETWORK = z.looseObject({
  Name: z.string(),
  Driver: z.string(),
  Internal: z.boolean().default(false),
  EnableIPv6: z.boolean().default(false),
  Attachable: z.boolean().default(false),
  IPAM: z.looseObject({}).nullish(),
  Options: labels,
  Labels: labels,
});

export type EngineNetwork = z.infer<typeof NETWORK>;

export const NETWORKS = z.array(NETWORK);

export const CREATED = z.looseObject({ Id: z.string() });

export const EXEC = z.looseObject({ Running: z.boolean(), ExitCode: z.int().nullish() });
