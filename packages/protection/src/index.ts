export { PROTECTION_ERRORS, protectionError } from "./errors.ts";
export { type Places, defaultPlaces } from "./places.ts";
export { type CriticalFiles, criticalFiles, namedFiles } from "./critical-files.ts";
export { type OwnRepository, openOwnRepository } from "./own-repository.ts";
export { requireRoom } from "./room.ts";
export { type ProtectOptions, type ProtectResult, type ProtectStep, protect } from "./protect.ts";
export { readPasswordFile } from "./password-file.ts";
export { passwordInFile, trimPassword } from "./password-text.ts";

// Retention: what is kept, and why
export { planRetention } from "./retention/decide.ts";
export { type CandidateFacts, candidateOf } from "./retention/candidate.ts";
export { KEEP_COUNTS, KEEP_SPANS, type RetentionTexts, parseRetentionOptions } from "./retention/parse-rules.ts";
export { encodePlan } from "./retention/plan-json.ts";
export { STOP_CODES, applyStops } from "./retention/stops.ts";
export {
  type CalendarSpan,
  type Candidate,
  type Count,
  type RetentionGroup,
  type RetentionOptions,
  type RetentionPlan,
  type RetentionRules,
  type RetentionStop,
  type RetentionWarning,
  type SafetyFloors,
  type SnapshotSize,
  type StopCode,
  type StopLimits,
  type Verdict,
  DEFAULT_FLOORS,
  DEFAULT_LIMITS,
  NO_FLOORS,
  NO_LIMITS,
} from "./retention/policy.ts";
