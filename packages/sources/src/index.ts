export { SOURCES_ERRORS, sourcesError } from "./errors.ts";
export { SOURCE_KINDS } from "./kinds.ts";
export { captureFolder } from "./contract/capture-folder.ts";
export type { CapturedEntry, CapturedTree } from "./contract/captured-tree.ts";
export {
  type CaptureFacts,
  type Consistency,
  type StoredFacts,
  FACTS_FILE,
  MAX_FACTS_BYTES,
  decodeFacts,
  encodeFacts,
} from "./contract/facts.ts";
export { absolutePath, commandLine, duration, secretReference, size } from "./contract/setting-types.ts";
export {
  type Capture,
  type CaptureOptions,
  type ProofCheck,
  type ProofReport,
  type ProveOptions,
  type RestoreForm,
  type RestoreOptions,
  type RestoreReport,
  type Source,
  type SourceKind,
  type SourceWarning,
  isProven,
} from "./contract/source.ts";
export type { SecretReference, SourceSurroundings } from "./contract/surroundings.ts";
export { type HookSettings, hookSettings, withHooks } from "./hooks/hooks.ts";
export { openCaptured } from "./snapshot/captured-snapshot.ts";
export { type CapturedSource, givenCapture } from "./snapshot/given-capture.ts";
