/** The kind `redis`: Redis and Valkey. */
import type { SourceKind } from "../contract/source.ts";
import { RedisSource } from "./redis-source.ts";
import { type RedisSettings, redisSettings } from "./settings.ts";

export const redisKind: SourceKind<RedisSettings> = {
  kind: "redis",
  settings: redisSettings,
  open: (name, settings, surroundings) => new RedisSource(name, settings, surroundings),
};
