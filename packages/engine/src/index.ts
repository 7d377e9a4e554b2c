export { ENGINE_ERRORS, engineError } from "./errors.ts";

// What is stored
export { type BlobType, type Id, idToBytes, isId, parseId } from "./format/id.ts";
export { type RepositoryConfig, encodeConfig } from "./format/config.ts";
export type { ExtendedAttribute, NodeType, TreeNode } from "./format/node.ts";
export { type Snapshot, type SnapshotFields, encodeSnapshot } from "./format/snapshot.ts";
export { formatGoTime, parseGoTime } from "./format/go-time.ts";
export { goFileMode } from "./format/go-file-mode.ts";
export { decodePackHeader, sealedHeaderBytes } from "./format/pack-header.ts";
export { encodeMasterKey } from "./crypto/master-key.ts";
export type { MasterKey } from "./crypto/sealing.ts";
export { type BlobIndex, type BlobLocation } from "./index/blob-index.ts";

// Names and patterns
export { compareNames, decodePath, displayPath, encodePath, fsPath } from "./filesystem/path-bytes.ts";
export { REPRODUCIBLE_IN_HOMES, REPRODUCIBLE_NAMES, escapePattern } from "./patterns/reproducible.ts";
export { PatternSet } from "./patterns/pattern-set.ts";
export { patternFileLines } from "./patterns/pattern-file.ts";
export { CACHE_TAG, parseSizeBytes, parseTagFile } from "./patterns/exclude-rules.ts";
export { parseFileList, parseFilePatterns, parseRawFileList } from "./patterns/file-list.ts";
export { expandGlob } from "./patterns/path-glob.ts";

// Platform facts
export { type CompressionMode, zstdProvider } from "./platform/zstd.ts";

// File metadata
export { lstatNs, readNode } from "./filesystem/read-metadata.ts";
export { metadataDifferences } from "./filesystem/compare-metadata.ts";

// The repository
export { type OpenOptions, openRepository } from "./repository/open.ts";
export { type CreateOptions, createRepository } from "./repository/create.ts";
export { Repository } from "./repository/repository.ts";
export { type KnownKey, decodeKnownKey, encodeKnownKey } from "./format/key-file.ts";
export type { KeyOptions, KeyOwner } from "./repository/key-files.ts";
export { type KeyInfo, addKey, changePassword, describeKey, listKeys, removeKey } from "./repository/keys.ts";
export { listEarly } from "./repository/list-early.ts";
export {
  type LockInfo,
  type LockOptions,
  listLocks,
  removeLocks,
  withLock,
  withLockAhead,
} from "./repository/locks.ts";
export { findFileId, notFoundSnapshot } from "./repository/find-id.ts";
export { withIndexBeside } from "./repository/index-beside.ts";
export { type LoadIndexOptions, loadIndex } from "./repository/load-index.ts";
export { BlobReader } from "./repository/blob-reader.ts";
export { type PathTarget, TreeReader, resolvePath } from "./repository/tree-reader.ts";
export {
  type SnapshotFilter,
  type SnapshotGrouping,
  type StoredSnapshot,
  findSnapshot,
  groupKey,
  listSnapshots,
  saveSnapshot,
} from "./repository/snapshots.ts";

// Backup
export { Backup, checkTargets } from "./backup/backup.ts";
export type {
  BackupEvent,
  BackupOptions,
  BackupPhase,
  BackupProgress,
  BackupResult,
  ParentChoice,
} from "./backup/options.ts";
export type { BackupCounts, BackupItem, Problem } from "./backup/messages.ts";
export { contentIds } from "./backup/content-ids.ts";
export {
  type AlreadyStored,
  type ByteRange,
  type ChangedRanges,
  type GivenEntries,
  type GivenEntry,
  type GivenMetadata,
  type GivenPiece,
  type RangedFile,
  type Zeros,
  givenStream,
} from "./backup/given-entries.ts";
export { findParent } from "./backup/parent-choice.ts";
export type { PresentResult } from "./backup/verify-present.ts";
export { listFolder } from "./backup/list-folder.ts";
export { realMetadata } from "./backup/real-metadata.ts";
export { type FolderAlias, NO_RULES, repositoryFolder, Selection, type SelectionRules } from "./backup/selection.ts";

export { countAhead } from "./backup/count-ahead.ts";

// Restore
export { Restore, type RestoreOptions, type RestoreProgress, type RestoreResult } from "./restore/restore.ts";
export type { CopyChange, CopyDamage } from "./restore/copies.ts";
export type { OpenedCopy, StandbyCopy } from "./restore/copy-reader.ts";
export { type MeasuredCopy, measureCopies } from "./restore/measure-copies.ts";
export type { RestoreProblem } from "./restore/problems.ts";
export type { RestoreCounts, RestoreEntry } from "./restore/messages.ts";

// Check
export { Check } from "./check/check.ts";
export type { AffectedPath, Finding, FindingCode } from "./check/findings.ts";
export { isDamage } from "./check/findings.ts";
export type { CheckOptions, CheckProgress, CheckResult, DataSubset } from "./check/options.ts";

// Browse
export { type WalkOptions, type WalkProblem, type WalkedNode, walkSnapshot } from "./browse/walk.ts";
export { type ListOptions, listEntries } from "./browse/list-entries.ts";
export { type ArchiveOptions, dumpFile, dumpTar, dumpZip } from "./browse/dump.ts";
export { type CompressionStatistics, type Statistics, type StatisticsMode, statistics } from "./browse/stats.ts";

// Repair: plan, then execute
export {
  type IndexRepairPlan,
  type IndexRepairProgress,
  type IndexRepairResult,
  executeIndexRepair,
  planIndexRepair,
} from "./repair/repair-index.ts";
export {
  type LostBlob,
  type PackRepair,
  type PackRepairPlan,
  executePackRepair,
  planPackRepair,
} from "./repair/repair-packs.ts";
export type { Loss } from "./repair/lossy-trees.ts";
export {
  type NeededBlob,
  type RefillPlan,
  type RefillResult,
  executeRefill,
  planRefill,
  remainingLosses,
} from "./repair/refill.ts";
export {
  type SnapshotRepair,
  type SnapshotRepairPlan,
  type SnapshotRepairResult,
  REPAIRED_TAG,
  executeSnapshotRepair,
  planSnapshotRepair,
} from "./repair/repair-snapshots.ts";
export { type KeptSnapshot, keptSnapshots } from "./repair/kept-snapshots.ts";

// Forget, and bring back
export { type HoldFields, type HoldSelector, isDate } from "./format/hold.ts";
export {
  type ForgottenSnapshot,
  forgetSnapshots,
  giveUpForgotten,
  listForgotten,
  unforgetSnapshots,
} from "./forget/forgotten.ts";
export { type Hold, PINNED_TAG, addHold, heldError, holdsOf, listHolds, releaseHold } from "./forget/holds.ts";
export { type MissingPart, type SnapshotLosses, findLosses } from "./forget/losses.ts";
export { type ChangedSnapshot, type TagChange, tagSnapshots } from "./forget/tag.ts";
export { DEFAULT_GRACE_MS, type NeededSnapshots, neededSnapshots } from "./forget/needed.ts";

// Evidence: what runs found out about snapshots
export type { EvidenceFields, EvidenceRun, EvidenceSubject } from "./format/evidence.ts";
export { listEvidence, saveEvidence, subjectsOf } from "./evidence/records.ts";
export { Evidence, type Standing } from "./evidence/standing.ts";
export { superfluousEvidence, tidyEvidence } from "./evidence/tidy.ts";

// Compare snapshots, also with live files
export type { Change, DiffProblem, EntryCounts, Modifier } from "./diff/changes.ts";
export { type TreeDiff, type TreeDiffOptions, diffTrees } from "./diff/diff-trees.ts";
export { type LiveDiff, type LiveDiffOptions, type LivePair, type LiveProblem, diffLive } from "./diff/diff-live.ts";

// Prune: plan, then execute
export {
  type PruneOptions,
  type PruneProgress,
  type RemovableFiles,
  type UnusedLimit,
  DEFAULT_MAX_UNUSED,
} from "./prune/options.ts";
export { type PrunePlan, planPrune, prunedFiles, prunedPacks } from "./prune/plan.ts";
export { type PruneResult, executePrune } from "./prune/execute.ts";

// Object lock
export {
  type ExtendOptions,
  type ExtendPhase,
  type ExtendResult,
  type FailedLock,
  extendLocks,
} from "./object-lock/extend-locks.ts";
export {
  type JobStanding,
  type ProtectionDue,
  DEFAULT_EVERY_MS,
  firstLock,
  judgeJob,
  protectionDue,
} from "./object-lock/lateness.ts";
export { type LockRun, listLockRuns } from "./object-lock/lock-runs.ts";
export { type LockStatus, lockStatus } from "./object-lock/lock-status.ts";

// Rewrite snapshots
export {
  type RewriteOptions,
  type RewriteRequest,
  type RewriteResult,
  type SnapshotOutcome,
  REWRITE_TAG,
  rewriteSnapshots,
} from "./rewrite/rewrite-snapshots.ts";

// Upgrade the format
export { type Migration, MIGRATIONS, availableMigrations } from "./migrate/migrations.ts";
export { type UpgradeOptions, restoreConfig, upgradeToVersion2 } from "./migrate/upgrade.ts";

// Find
export { Find, type FindOptions } from "./find/find.ts";
export type { FindProblem, FoundBatch, FoundEntry, FoundObject } from "./find/found.ts";
export type { BlobQuery, EntryBounds, FindQuery, NameQuery } from "./find/query.ts";
export { type BlobPlace, placesOfBlob, queryForBlobs, queryForPacks } from "./find/blob-query.ts";

// Copy
export { Copy } from "./copy/copy.ts";
export type { CopyEvent, CopyOptions, CopyProgress, CopyResult } from "./copy/options.ts";

// Spot check
export type { SampleSize } from "./spot-check/sample.ts";
export { spotCheck, type SpotCheckOptions, type SpotCheckResult } from "./spot-check/spot-check.ts";
