/** What tests of sources need: a repository, and the way into it and out of it again. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import {
  Backup,
  type BackupResult,
  NO_RULES,
  type Repository,
  type StoredSnapshot,
  createRepository,
  listSnapshots,
  loadIndex,
} from "@holdfast/engine";
import { MemoryBackend } from "@holdfast/storage/testing";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { JournalFile, JournalFormat } from "../contract/journal.ts";
import type { Source, SourceWarning } from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { captureFolder } from "../contract/capture-folder.ts";
import { journalFolder } from "../journal/journal-folder.ts";
import { isJournal, newestFirst } from "../journal/journal-heads.ts";
import { type PushedJournal, pushJournal } from "../journal/push-journal.ts";
import { StoredJournal } from "../journal/stored-journal.ts";
import { openCaptured } from "../snapshot/captured-snapshot.ts";
import { givenCapture } from "../snapshot/given-capture.ts";
import { plannedCapture } from "../snapshot/planned-capture.ts";

/** How everything is stored here. */
const STORING = {
  hostname: "lab",
  username: "tester",
  uid: 0,
  gid: 0,
  compression: "auto",
  packSizeBytes: 4 * 1024 * 1024,
  programVersion: "lab",
} as const;

export interface LabCapture {
  readonly result: BackupResult;
  readonly warnings: readonly SourceWarning[];
}

export interface LabPush {
  readonly format: JournalFormat;
  readonly files: readonly JournalFile[];
  readonly hostname?: string;
  readonly keepsAll?: boolean;
  readonly isHeartbeat?: boolean;
  readonly signal?: AbortSignal;
}

/** A repository in memory with sources that are captured into it. `remove` must be called at its end. */
export class SourceLab {
  readonly repository: Repository;
  /** For whatever a test needs; removed with the lab. Others may go through it, so that servers of other users can work in it. */
  readonly folder: string;
  /** What settings refer to as `{ env: NAME }`. */
  readonly secrets = new Map<string, string>();
  #folders = 0;

  private constructor(repository: Repository) {
    this.repository = repository;
    this.folder = mkdtempSync(join(tmpdir(), "hf-src-"));
    chmodSync(this.folder, 0o711);
  }

  static async open(): Promise<SourceLab> {
    const signal = new AbortController().signal;
    const kdf = { N: 2, r: 1, p: 1 };
    const owner = { hostname: "lab", username: "tester", kdf };
    return new SourceLab(await createRepository(new MemoryBackend(), new Secret("lab"), { signal, ...owner }));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What a source is told of its surroundings. */
  surroundings(): SourceSurroundings {
    return {
      environment: { ...process.env },
      hostname: "lab",
      temporary: this.newFolder(),
      secret: async (reference, what) => {
        const found = "env" in reference ? this.secrets.get(reference.env) : undefined;
        if (found === undefined) throw new Error(`the lab has no such secret for ${what}`);
        return new Secret(found);
      },
    };
  }

  /** An empty folder, for its owner only. */
  newFolder(): string {
    return mkdtempSync(join(this.folder, `${this.#folders++}-`));
  }

  /** Captures into a new snapshot; closes the capture, as whoever captures must. */
  async capture(source: Source, identity: { kind: string; name: string }, signal?: AbortSignal): Promise<LabCapture> {
    const warnings: SourceWarning[] = [];
    const within = signal ?? new AbortController().signal;
    const onWarning = (warning: SourceWarning): void => void warnings.push(warning);
    const backup = { parent: { kind: "auto", groupBy: ["host", "paths"] }, hostname: "lab" } as const;
    const planned = plannedCapture(this.repository, { ...identity, backup, tags: [], signal: within, onWarning });
    const capture = await source.capture({ signal: within, onWarning, destination: planned.destination });
    try {
      const result = await new Backup(this.repository, {
        targets: [],
        given: givenCapture(capture, { ...identity, hostname: "lab" }),
        ...STORING,
        rules: capture.rules ?? NO_RULES,
        cwd: "/",
        tags: [`source:${identity.name}`, `kind:${identity.kind}`],
        excludes: [],
        parent: planned.parent(),
        reading: { withAtime: false, ignoreInode: false, ignoreCtime: false },
        scan: false,
        skipIfUnchanged: false,
        dryRun: false,
        signal: within,
        onEvent: () => {},
      }).run();
      return { result, warnings };
    } finally {
      await capture.close();
    }
  }

  /** Pushes files into the journal of a source. @param repository another way to it */
  async push(
    identity: { kind: string; name: string },
    { format, files, ...options }: LabPush,
    repository = this.repository,
  ): Promise<PushedJournal & { readonly warnings: readonly string[] }> {
    const { hostname = "lab", keepsAll = false, isHeartbeat = false, signal = new AbortController().signal } = options;
    const warnings: string[] = [];
    const pushed = await pushJournal(repository, {
      ...identity,
      format,
      files,
      keepsAll,
      isHeartbeat,
      backup: { ...STORING, hostname, workers: 1 },
      signal,
      onWarning: (warning) => warnings.push(warning),
    });
    return { ...pushed, warnings };
  }

  /** The journal of a source. @param isNewestOnly as somebody has it who has forgotten all snapshots of it but the newest */
  async journal(identity: { kind: string; name: string }, { isNewestOnly = false } = {}): Promise<StoredJournal> {
    const signal = new AbortController().signal;
    const folder = journalFolder(identity.kind, identity.name);
    const all = await listSnapshots(this.repository, { signal });
    const own = newestFirst(all.filter(({ snapshot }) => isJournal(snapshot, folder)));
    const index = await loadIndex(this.repository, { signal });
    const snapshots = isNewestOnly ? own.slice(0, 1) : own;
    return StoredJournal.open({ repository: this.repository, index, snapshots, folder }, { signal });
  }

  async snapshotCount(): Promise<number> {
    return (await listSnapshots(this.repository, { signal: new AbortController().signal })).length;
  }

  /** What the newest capture holds. */
  async captured(): Promise<CapturedTree> {
    const signal = new AbortController().signal;
    const newest = (await listSnapshots(this.repository, { signal })).findLast(isCapture);
    if (newest === undefined) throw new Error("there is no snapshot");
    const index = await loadIndex(this.repository, { signal });
    return openCaptured({ repository: this.repository, index, snapshot: newest.snapshot }, { signal });
  }
}

function isCapture({ snapshot: { paths } }: StoredSnapshot): boolean {
  return paths.every((path) => captureFolder(...(path.split("/").slice(1) as [string, string])) === path);
}
