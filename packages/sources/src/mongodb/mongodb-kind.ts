/** The kind `mongodb`: an experiment, as there is no server that its tests could use. */
import type { SourceKind } from "../contract/source.ts";
import { MongodbSource } from "./mongodb-source.ts";
import { type MongodbSettings, mongodbSettings } from "./settings.ts";

export const mongodbKind: SourceKind<MongodbSettings> = {
  kind: "mongodb",
  settings: mongodbSettings,
  open: (name, settings, surroundings) => new MongodbSource(name, settings, surroundings),
};
