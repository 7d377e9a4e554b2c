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
export { type CoverageEntry, type CoverageReport, type CoverageState, coverageOf } from "./coverage/coverage.ts";
export { decodeLastTimes, encodeLastTimes, nextTime, scopeOf } from "./coverage/last-time.ts";
export { proposedConfiguration } from "./proposal/proposal.ts";
