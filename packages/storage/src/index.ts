export type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  ListBatches,
  LoadOptions,
  PauseCalls,
  PeekedFile,
  PeekOptions,
  RemoveOptions,
  RetentionOutcome,
  RetentionWish,
  SaveOptions,
} from "./backend.ts";
export { STORAGE_ERRORS, storageError } from "./errors.ts";
export { type LoadBytesOptions, bytesSource, loadBytes, loadInto, oneChunk, readBody } from "./bytes-source.ts";
export { CacheFolder, type CachedKey, type CachedType } from "./cache/cache-folder.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type ComposeOptions, composeBackend } from "./compose.ts";
export { AppendOnlyBackend } from "./decorators/append-only.ts";
export type { RecoveryInfo, RetryInfo, RetryOptions } from "./decorators/attempts.ts";
export { CacheBackend, type CacheOptions } from "./decorators/cache.ts";
export { ConcurrencyBackend } from "./decorators/concurrency.ts";
export {
  type Fault,
  type FaultOperation,
  type FaultPlan,
  type FaultRule,
  type RandomFaults,
  randomFaults,
  scriptedFaults,
} from "./decorators/faults.ts";
export { FaultyBackend } from "./decorators/faulty.ts";
export { ForwardingBackend } from "./decorators/forwarding.ts";
export { RateLimitBackend, type RateLimits } from "./decorators/rate-limit.ts";
export { ReadOnlyBackend } from "./decorators/read-only.ts";
export { RetryBackend } from "./decorators/retry.ts";
export type { WarmUpInfo, WarmUpOptions } from "./decorators/warm-up.ts";
export { IdleTimer } from "./http/idle-timer.ts";
export { FILE_TYPES, assertKey, folderOf, isFileName, pathOf } from "./keys.ts";
export { assertKnownOption, isKnownOption } from "./options.ts";
export { type Location, NO_SURROUNDINGS, type Surroundings, openBackend, parseLocation } from "./location.ts";
export { FileThreads } from "./local/file-threads.ts";
export { LocalBackend, openLocal } from "./local/local-backend.ts";
export { assertNothingWasHere, rememberPlace } from "./local/known-places.ts";
export { type StaleOptions, removeStaleTemporaries } from "./local/temporaries.ts";
export { type RemovalPlan, decodePlan, encodePlan, planHash } from "./plans/plan-document.ts";
export {
  MAX_PLAN_FILES,
  MAX_REASON_CHARS,
  PLAN_NAMESPACE,
  type PlanHeader,
  type PlanProposal,
  type PlanStatus,
  type PlannedFile,
  type RemovalPlans,
  planStatement,
} from "./plans/removal-plan.ts";
