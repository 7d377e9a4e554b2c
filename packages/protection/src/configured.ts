/** What works with a configuration. An entry of its own, as it loads libraries that a command without one need not wait for. */
export { type ConfigurationPlaces, loadConfiguration } from "./configuration/load.ts";
export {
  type Configuration,
  type RepositoryConfiguration,
  type SourceConfiguration,
  configurationJsonSchema,
} from "./configuration/schema.ts";
export { fetchSecret } from "./configuration/secrets.ts";
export { type CaptureRun, captureSource, sourceTags } from "./sources/capture-source.ts";
export { type OpenedSource, type SourceRun, sourceNamed, withSource } from "./sources/open-source.ts";
