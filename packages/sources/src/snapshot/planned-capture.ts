/** What a source may know of the repository that its capture goes to, and which snapshot the new one is then compared with. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { type BackupOptions, type ParentChoice, type Repository, findParent, loadIndex } from "@holdfast/engine";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CaptureDestination, PreviousCapture, SourceWarning } from "../contract/source.ts";
import { openCaptured } from "./captured-snapshot.ts";

export interface CapturePlan {
  readonly kind: string;
  readonly name: string;
  /** Of the backup that is going to be made. */
  readonly backup: Pick<BackupOptions, "parent" | "hostname" | "timeNs">;
  readonly tags: readonly string[];
  readonly signal: AbortSignal;
  readonly onWarning: (warning: SourceWarning) => void;
}

export interface PlannedCapture {
  readonly destination: CaptureDestination;
  /** For the backup, once the source has begun: the snapshot that the source was told of, also if others have come since. */
  parent(): ParentChoice;
}

export function plannedCapture(repository: Repository, plan: CapturePlan): PlannedCapture {
  let chosen: ParentChoice = plan.backup.parent;
  let found: Promise<PreviousCapture | undefined> | undefined;
  const previous = async (): Promise<PreviousCapture | undefined> => {
    const capture = await previousCapture(repository, plan);
    if (capture !== undefined) chosen = { kind: "id", text: capture.snapshot };
    return capture;
  };
  return {
    destination: { repository: repository.config.id, previous: () => (found ??= previous()) },
    parent: () => chosen,
  };
}

async function previousCapture(repository: Repository, plan: CapturePlan): Promise<PreviousCapture | undefined> {
  const { signal, onWarning } = plan;
  try {
    const stored = await findParent(repository, {
      ...plan.backup,
      targets: [],
      cwd: "/",
      given: { paths: [captureFolder(plan.kind, plan.name)], entries: noEntries() },
      tags: plan.tags,
      signal,
    });
    if (stored === undefined) return undefined;
    const index = await loadIndex(repository, { signal });
    const { facts } = await openCaptured({ repository, index, snapshot: stored.snapshot }, { signal });
    return { snapshot: stored.id, facts };
  } catch (error) {
    // What is damaged costs a full read, not the capture.
    if (signal.aborted || !isHoldfastError(error) || error.kind !== "corrupt") throw error;
    onWarning({ code: "previous-damaged", message: `the capture before cannot be used: ${messageOf(error)}` });
    return undefined;
  }
}

async function* noEntries(): AsyncGenerator<never> {}
