/**
 * Stores files of a journal in a repository. When this returns, they are in the newest snapshot of the journal, together with all that
 * was there before.
 *
 * Several may push at once. Each writes a snapshot of all that it has seen and of its own files, and then looks again. Whoever wrote the newest one
 * puts together what has come meanwhile; the others see to it that the newest one has their files. Of two that wrote at the same time, the one that
 * looks later sees the other. Until then nothing is lost either: whoever reads, or pushes next, puts together all snapshots that no other one includes.
 */
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import {
  type AlreadyStored,
  Backup,
  type BackupEvent,
  type BackupOptions,
  type GivenEntry,
  type Id,
  NO_RULES,
  type Repository,
  type StoredSnapshot,
  listSnapshots,
  loadIndex,
} from "@holdfast/engine";
import type { JournalFile, JournalFormat } from "../contract/journal.ts";
import { sourcesError } from "../errors.ts";
import { journalFolder } from "./journal-folder.ts";
import { includedIds, isJournal, newestFirst } from "./journal-heads.ts";
import { type CaptureNeeds, captureNeeds, distinctNeeds, isKept } from "./journal-needs.ts";
import { RECORD_FILE, encodeJournalRecord } from "./journal-record.ts";
import { journalEntries, planPush } from "./push-entries.ts";
import { StoredJournal } from "./stored-journal.ts";

/** Whoever meets others again and again leaves the rest to them, and is told so. */
const MOST_ROUNDS = 20;

/** How it is stored: what of a backup does not come from the journal. */
export type JournalBackup = Pick<
  BackupOptions,
  "hostname" | "username" | "uid" | "gid" | "compression" | "packSizeBytes" | "programVersion" | "workers"
>;

export interface JournalPush {
  /** Whose journal it is. */
  readonly kind: string;
  readonly name: string;
  readonly format: JournalFormat;
  /** Of each name one. None: snapshots of several writers are put together, where there are such. */
  readonly files: readonly JournalFile[];
  /** Also what no capture in the repository needs is kept. */
  readonly keepsAll: boolean;
  /** That all is stored up to now is worth a snapshot also when no file has come. */
  readonly isHeartbeat?: boolean;
  readonly backup: JournalBackup;
  readonly signal: AbortSignal;
  /** Something that the user must know, and that is no failure. */
  readonly onWarning: (message: string) => void;
  readonly onEvent?: (event: BackupEvent) => void;
}

export interface PushedJournal {
  readonly added: readonly JournalFile[];
  /** They were in the repository already. */
  readonly present: readonly JournalFile[];
  /** Snapshots that this made. Only the last one matters; none when nothing was to be stored. */
  readonly snapshots: readonly Id[];
}

/**
 * The repository must be locked (shared). Rejects unless all files are in the repository, in the newest snapshot of the journal.
 * @throws SOURCES_JOURNAL_DIFFERS, SOURCES_JOURNAL_BUSY, and what a backup throws
 */
export async function pushJournal(repository: Repository, push: JournalPush): Promise<PushedJournal> {
  let result: Omit<PushedJournal, "snapshots"> | undefined;
  const snapshots: Id[] = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const pushing = new Pushing(repository, push);
    const made = await pushing.run();
    // What became of the files was decided when they were looked at for the first time; later they are there.
    result = result ?? pushing.plan;
    if (made === undefined) return { ...result, snapshots };
    snapshots.push(made);
    if (await isNewestWhole(repository, push, { made, before: pushing.snapshots })) return { ...result, snapshots };
  }
  throw sourcesError("SOURCES_JOURNAL_BUSY");
}

/** Nothing is to be stored: it ends the backup that has found that out. */
const NOTHING = new Error("nothing is to be stored");

/** One snapshot. */
class Pushing {
  readonly #repository: Repository;
  readonly #push: JournalPush;
  readonly #folder: string;
  plan: Omit<PushedJournal, "snapshots"> = { added: [], present: [] };
  /** All of the repository that were there before. */
  snapshots: readonly StoredSnapshot[] = [];
  #newestNs = 0n;

  constructor(repository: Repository, push: JournalPush) {
    this.#repository = repository;
    this.#push = push;
    this.#folder = journalFolder(push.kind, push.name);
  }

  /** @returns the snapshot; `undefined` when there was no need for one */
  async run(): Promise<Id | undefined> {
    const { name, kind, backup, signal, onEvent } = this.#push;
    const timeNs = (): bigint => this.#timeNs();
    const run = new Backup(this.#repository, {
      ...backup,
      targets: [],
      given: { paths: [this.#folder], entries: (stored) => this.#entries(stored) },
      rules: NO_RULES,
      cwd: "/",
      tags: [`source:${name}`, `kind:${kind}`, "journal"],
      excludes: [],
      parent: { kind: "auto", groupBy: ["paths"] },
      reading: { withAtime: false, ignoreInode: false, ignoreCtime: false },
      // Asked for when the snapshot is written. It must be newer than those that it includes, whatever the clocks say.
      get timeNs() {
        return timeNs();
      },
      scan: false,
      skipIfUnchanged: false,
      dryRun: false,
      isSmall: true,
      signal,
      onEvent: onEvent ?? (() => {}),
    });
    try {
      return (await run.run()).snapshotId;
    } catch (error) {
      if (error === NOTHING) return undefined;
      throw error;
    }
  }

  #timeNs(): bigint {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    return nowNs > this.#newestNs ? nowNs : this.#newestNs + 1n;
  }

  async *#entries(stored: AlreadyStored): AsyncGenerator<GivenEntry> {
    const { files, format, keepsAll, isHeartbeat = false, signal } = this.#push;
    this.snapshots = stored.snapshots;
    const lookedAtMs = Date.now();
    const journal = await this.#open(stored);
    this.plan = await planPush({ repository: this.#repository, journal, format }, files, { signal });
    const { added } = this.plan;
    const whole = journal.heads.filter(({ isWhole }) => isWhole);
    if (added.length === 0 && whole.length <= 1 && !(isHeartbeat && whole.length === 1)) throw NOTHING;
    const captures = await this.#captures(stored, journal);
    const needs = captures === undefined || keepsAll ? [] : distinctNeeds(captures);
    const isCut = journal.heads.every(({ record }) => JSON.stringify(record?.keptFrom ?? []) === JSON.stringify(needs));
    const keptFrom = needs.length === 0 || isCut ? undefined : needs;
    yield* journalEntries(
      { repository: this.#repository, journal, format, folder: this.#folder, added, keptFrom },
      { signal },
    );
    // What has just come is stored, needed or not; the next one leaves it out then.
    const isLater = added.every(({ stream, name }) => isKept(format, needs, stream, name));
    yield this.#record(journal, { captures: captures ?? {}, needs: isLater ? needs : [], lookedAtMs });
  }

  async #open(stored: AlreadyStored): Promise<StoredJournal> {
    const { signal, onWarning } = this.#push;
    const journal = await StoredJournal.open(
      {
        ...stored,
        folder: this.#folder,
        onLost: (what) => onWarning(`${what} cannot be read; what it held is missing in the journal from now on`),
      },
      { signal },
    );
    this.#newestNs = journal.snapshots.reduce(
      (newest, { snapshot: { timeNs } }) => (timeNs > newest ? timeNs : newest),
      0n,
    );
    return journal;
  }

  /** `undefined` when one of them cannot be read: then nothing can be left out. */
  async #captures(stored: AlreadyStored, { heads }: StoredJournal): Promise<CaptureNeeds | undefined> {
    const { kind, name, format, signal, onWarning } = this.#push;
    const known = Object.assign({}, ...heads.map(({ record }) => record?.captures ?? {})) as CaptureNeeds;
    try {
      return await captureNeeds({ ...stored, format, kind, name }, known, { signal });
    } catch (error) {
      if (signal.aborted || !isHoldfastError(error) || error.kind !== "corrupt") throw error;
      onWarning(`nothing of the journal is left out, as a capture cannot be read: ${error.message}`);
      return undefined;
    }
  }

  #record(
    journal: StoredJournal,
    {
      captures,
      needs,
      lookedAtMs,
    }: { captures: CaptureNeeds; needs: ReturnType<typeof distinctNeeds>; lookedAtMs: number },
  ): GivenEntry {
    const { kind, name, backup } = this.#push;
    const bytes = encodeJournalRecord({
      kind,
      name,
      hostname: backup.hostname,
      currentAt: new Date(lookedAtMs).toISOString(),
      includes: includedIds(journal.heads, journal.snapshots),
      captures,
      keptFrom: needs,
    });
    async function* content(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    return { kind: "file", path: join(this.#folder, RECORD_FILE), content: content(), mode: 0o600 };
  }
}

/**
 * Whether the newest snapshot of the journal has all files of this push.
 * @param made the snapshot that has them
 * @param before those that were there before it was made; they need not be read again
 */
async function isNewestWhole(
  repository: Repository,
  push: JournalPush,
  { made, before }: { made: Id; before: readonly StoredSnapshot[] },
): Promise<boolean> {
  const { kind, name, format, files, signal } = push;
  const folder = journalFolder(kind, name);
  const known = new Map(before.map(({ id, snapshot }) => [id, snapshot]));
  const all = await listSnapshots(repository, { signal, known, onDamaged: () => {} });
  const own = newestFirst(all.filter(({ snapshot }) => isJournal(snapshot, folder)));
  const [newest] = own;
  // Whoever wrote one meanwhile may have looked before this one was there, and be gone.
  if (newest?.id === made) return own.every(({ id }) => id === made || known.has(id));
  if (newest === undefined) return false;
  const index = await loadIndex(repository, { signal });
  const journal = await StoredJournal.open({ repository, index, snapshots: [newest], folder }, { signal });
  return (await planPush({ repository, journal, format }, files, { signal })).added.length === 0;
}
