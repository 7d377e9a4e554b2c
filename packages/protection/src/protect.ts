/**
 * Protects files and proves it: backup, restore of a random sample, check. The result says what is proven, not that a job
 * has ended.
 */
import { tmpdir } from "node:os";
import {
  Backup,
  type BackupOptions,
  type BackupResult,
  Check,
  type CheckResult,
  loadIndex,
  type Problem,
  type Repository,
  type SampleSize,
  saveEvidence,
  spotCheck,
  type SpotCheckResult,
  subjectsOf,
  withLock,
} from "@holdfast/engine";
import type { CriticalFiles } from "./critical-files.ts";

export interface ProtectOptions {
  readonly repository: Repository;
  readonly files: CriticalFiles;
  readonly identity: Pick<BackupOptions, "hostname" | "username" | "uid" | "gid">;
  readonly programVersion: string;
  readonly signal: AbortSignal;
  /** Called at the beginning of each step; the object shows its progress while the step lasts. */
  onStep(step: ProtectStep): void;
  onProblem(problem: Problem): void;
  /** What was found out could not be recorded in the repository. */
  onUnrecorded(error: unknown): void;
  /** True when copies on this machine may be read in place of what is stored: then no snapshot counts as proven. */
  readonly hasCache?: boolean;
  readonly sample?: SampleSize;
  readonly retryLockMs?: number;
}

export type ProtectStep =
  | { readonly kind: "backup"; readonly work: Backup }
  | { readonly kind: "restore" }
  | { readonly kind: "check"; readonly work: Check };

export interface ProtectResult {
  readonly backup: BackupResult;
  readonly restore: SpotCheckResult;
  readonly check: CheckResult;
  /**
   * Something was restored, all that was is as it should be, and the check found no damage. Nothing stored is nothing proven.
   * Files that could not be read are in `backup.problems`.
   */
  readonly proven: boolean;
}

/** A sample that takes seconds: enough to find what is wrong everywhere, not what is wrong in one place. */
const SAMPLE: SampleSize = { entries: 200, bytes: 256 * 1024 * 1024 };
/** Up to this size all stored data is read and verified each time; above, a random part of this size. */
const READ_DATA_BYTES = 1024 ** 3;
const PACK_SIZE_BYTES = 16 * 1024 * 1024;

/** @throws what backup, restore and check throw; the signal's reason on abort */
export async function protect(options: ProtectOptions): Promise<ProtectResult> {
  const { repository, signal, retryLockMs } = options;
  const lock = { exclusive: false, signal, ...(retryLockMs === undefined ? {} : { retryMs: retryLockMs }) };
  return withLock(repository, lock, async (inner) => {
    const backup = await runBackup(options, inner);
    options.onStep({ kind: "restore" });
    const index = await loadIndex(repository, { signal: inner });
    const restore = await spotCheck(repository, {
      tree: backup.treeId,
      index,
      size: options.sample ?? SAMPLE,
      temporary: tmpdir(),
      signal: inner,
    });
    const beganAtMs = Date.now();
    const check = await runCheck(options, inner);
    await record(options, check, beganAtMs, inner);
    const restored = restore.restored > 0 && restore.failures.length === 0;
    return { backup, restore, check, proven: restored && check.healthy };
  });
}

function runBackup(
  { repository, files, identity, programVersion, onStep, onProblem, onUnrecorded }: ProtectOptions,
  signal: AbortSignal,
): Promise<BackupResult> {
  const backup = new Backup(repository, {
    ...identity,
    targets: files.targets,
    cwd: "/",
    tags: [],
    excludes: files.excludes,
    parent: { kind: "auto", groupBy: ["host", "paths"] },
    rules: files.rules,
    reading: { withAtime: false, ignoreInode: false, ignoreCtime: false },
    compression: "auto",
    packSizeBytes: PACK_SIZE_BYTES,
    scan: true,
    skipIfUnchanged: false,
    dryRun: false,
    programVersion,
    signal,
    onEvent: (event) => {
      if (event.kind === "problem") onProblem(event.problem);
      if (event.kind === "unrecorded") onUnrecorded(event.error);
    },
  });
  onStep({ kind: "backup", work: backup });
  return backup.run();
}

function runCheck({ repository, onStep }: ProtectOptions, signal: AbortSignal): Promise<CheckResult> {
  const check = new Check(repository, {
    readData: { kind: "bytes", bytes: READ_DATA_BYTES },
    signal,
    onFinding: () => {},
  });
  onStep({ kind: "check", work: check });
  return check.run();
}

/** The sample proves nothing of a whole snapshot; the check does, where it has read all data. */
async function record(
  { repository, identity, programVersion, hasCache = false, onUnrecorded }: ProtectOptions,
  check: CheckResult,
  beganAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  const proven = subjectsOf(hasCache ? [] : check.proven);
  const damaged = subjectsOf(check.damaged);
  const { hostname } = identity;
  try {
    // A clock may be put back meanwhile.
    const times = { beganAtMs, endedAtMs: Math.max(beganAtMs, Date.now()) };
    const fields = { run: "check", ...times, hostname, programVersion, proven, damaged, incomplete: [] } as const;
    await saveEvidence(repository, fields, { signal });
  } catch (error) {
    signal.throwIfAborted();
    onUnrecorded(error);
  }
}
