/** Captures a source into a snapshot of a repository. */
import {
  Backup,
  type BackupEvent,
  type BackupOptions,
  type BackupResult,
  NO_RULES,
  type Repository,
  repositoryFolder,
} from "@holdfast/engine";
import { type SourceWarning, givenCapture } from "@holdfast/sources";
import type { OpenedSource } from "./open-source.ts";

/** Tags by which snapshots of sources are found. */
export function sourceTags({ name, kind }: Pick<OpenedSource, "name" | "kind">): string[] {
  return [`source:${name}`, `kind:${kind.kind}`];
}

export interface CaptureRun {
  readonly opened: OpenedSource;
  /** All of a backup that does not come from the source. */
  readonly backup: Omit<
    BackupOptions,
    "targets" | "given" | "rules" | "cwd" | "tags" | "signal" | "onEvent" | "excludes"
  > & {
    readonly tags: readonly string[];
  };
  readonly signal: AbortSignal;
  onWarning(warning: SourceWarning): void;
  onEvent(event: BackupEvent): void;
  /** Called when the backup begins; it shows its progress. */
  onBackup(backup: Backup): void;
}

/**
 * The repository must be locked (shared).
 * @throws what the source and the backup throw: then there is no snapshot, and nothing of the source is frozen any more
 */
export async function captureSource(
  repository: Repository,
  { opened, backup: options, signal, onWarning, onEvent, onBackup }: CaptureRun,
): Promise<BackupResult> {
  const { name, kind, source } = opened;
  const capture = await source.capture({ signal, onWarning });
  try {
    const identity = { kind: kind.kind, name, hostname: options.hostname };
    const backup = new Backup(repository, {
      ...options,
      targets: [],
      given: givenCapture(capture, identity),
      // A copy on this machine must not store itself.
      rules: { ...(capture.rules ?? NO_RULES), repository: repositoryFolder(repository.backend.location) },
      cwd: "/",
      tags: [...new Set([...options.tags, ...sourceTags(opened)])],
      excludes: [],
      signal,
      onEvent,
    });
    onBackup(backup);
    return await backup.run();
  } finally {
    await capture.close();
  }
}
