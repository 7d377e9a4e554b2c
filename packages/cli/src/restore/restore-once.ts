/** One restore from one repository, under its lock. */
import {
  BlobReader,
  type BlobIndex,
  type Id,
  type PathTarget,
  Restore,
  type RestoreOptions,
  type RestoreResult,
  type StoredSnapshot,
  TreeReader,
  displayPath,
  idToBytes,
  loadIndex,
  resolvePath,
} from "@holdfast/engine";
import { openSnapshot } from "../browse/open-snapshot.ts";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { recordEvidence } from "../evidence/record.ts";
import { showProgress } from "../output/progress.ts";
import { formatLocalTime } from "../output/units.ts";
import type { Session } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";
import { restoreFindings } from "./findings.ts";
import { restoreProgress } from "./progress.ts";
import { spareRepository } from "./spare-repository.ts";

/** All but what depends on the repository. */
export type RestoreSettings = Omit<RestoreOptions, "signal" | "spare">;

/** What is restored. The tree of a snapshot is the same in every copy of it, its id is not. */
export interface WantedTree {
  readonly tree: Id;
  /** As it was given; empty without one. */
  readonly subfolder: string;
}

interface Parts {
  readonly settings: RestoreSettings;
  /** What an earlier restore has found to be meant; without it, the snapshot is looked for by its name. */
  readonly wanted?: WantedTree | undefined;
  /** Called as soon as it is known what is meant. */
  readonly onFound?: (found: WantedTree) => void;
}

interface Found {
  readonly stored: StoredSnapshot | undefined;
  readonly index: BlobIndex;
  readonly place: PathTarget;
  readonly subfolder: string;
}

/** @throws CLI_TARGET_IN_REPOSITORY, CLI_COPY_LACKS_SNAPSHOT, and what finding a snapshot and restoring it throw */
export function restoreOnce(context: CommandContext, session: Session, parts: Parts): Promise<RestoreResult> {
  const { output } = context;
  const { settings } = parts;
  return session.locked("look", async (signal) => {
    const { location } = session.repository.backend;
    const spare = spareRepository({ location, target: settings.target });
    if (spare.length > 0) output.message(`the repository itself is left alone: ${displayPath(location)}`);
    const { stored, index, place, subfolder } = await find(context, session, parts, signal);
    parts.onFound?.({ tree: stored?.snapshot.tree ?? (parts.wanted?.tree as Id), subfolder });
    output.message(`restoring ${describe(stored)} to ${displayPath(settings.target)}`);
    const root = place.kind === "tree" ? place.id : place.node;
    const restore = new Restore(session.repository, index, root, { ...settings, spare, signal });
    const beganAtMs = Date.now();
    const restored = await run(context, restore);
    if (stored !== undefined) {
      const isWhole = subfolder === "" && spare.length === 0 && !session.hasCache;
      const found = restoreFindings(stored, restored, { ...settings, isWhole });
      await recordEvidence(context, session, { run: "restore", beganAtMs, ...found }, { signal });
    }
    return restored;
  });
}

async function find(
  { args, options }: CommandContext,
  session: Session,
  { wanted }: Parts,
  signal: AbortSignal,
): Promise<Found> {
  if (wanted === undefined) return openSnapshot(session, args[0] ?? "", options, { signal });
  const { tree, subfolder } = wanted;
  const { repository } = session;
  const index = await loadIndex(repository, { signal });
  if (!index.has("tree", idToBytes(tree), 0)) {
    throw cliError("CLI_COPY_LACKS_SNAPSHOT", { location: displayPath(repository.backend.location) });
  }
  const place = await resolvePath(new TreeReader(new BlobReader(repository, index)), tree, subfolder, { signal });
  return { stored: undefined, index, place, subfolder };
}

function describe(stored: StoredSnapshot | undefined): string {
  if (stored === undefined) return "the rest of the snapshot";
  const { timeNs, hostname } = stored.snapshot;
  return `snapshot ${shortId(stored.id)} of ${displayPath(hostname)} at ${formatLocalTime(timeNs)}`;
}

async function run({ output, variables }: CommandContext, restore: Restore): Promise<RestoreResult> {
  const progress = showProgress(restoreProgress(restore), output, variables);
  try {
    return await restore.run();
  } finally {
    progress.stop();
  }
}
