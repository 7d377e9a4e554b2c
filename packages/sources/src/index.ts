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
export type {
  JournalFile,
  JournalFormat,
  JournalGap,
  JournalNeed,
  JournalReach,
  JournalReader,
  JournalSource,
  StoredJournalFile,
} from "./contract/journal.ts";
export { type RecoveryTarget, parseRecoveryTarget, recoveryTargetText } from "./contract/recovery-target.ts";
export { absolutePath, commandLine, duration, secretReference, size } from "./contract/setting-types.ts";
export {
  type Capture,
  type CaptureDestination,
  type CaptureOptions,
  type ProofCheck,
  type ProofEvidence,
  type ProofReport,
  type ProveOptions,
  type Recovery,
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
export { journalFolder } from "./journal/journal-folder.ts";
export { capturesOf } from "./journal/journal-needs.ts";
export { type JournalBackup, type JournalPush, type PushedJournal, pushJournal } from "./journal/push-journal.ts";
export { StoredJournal } from "./journal/stored-journal.ts";
export { type CaptureCopy, openCapturedCopies } from "./snapshot/captured-copies.ts";
export { openCaptured } from "./snapshot/captured-snapshot.ts";
export { type PlannedCapture, plannedCapture } from "./snapshot/planned-capture.ts";
export { type CapturedSource, givenCapture } from "./snapshot/given-capture.ts";
export { readReport, reportInCapture } from "./system/capture/read-report.ts";
export { type TopicDrift, compareReports } from "./system/drift/compare-reports.ts";

// Discovery: what there is to protect
export { type CollectOptions, collectHost } from "./discovery/host/collect-host.ts";
export type { HostView } from "./discovery/host/host-view.ts";
export type { HostMount } from "./discovery/host/mount-natures.ts";
export { DATABASE_NAMES } from "./files/find-databases.ts";
export { findCandidates } from "./discovery/find-candidates.ts";
export {
  type Candidate,
  type Category,
  type Criticality,
  type Need,
  CATEGORIES,
  CRITICALITIES,
} from "./discovery/candidate.ts";
