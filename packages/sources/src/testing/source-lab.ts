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
  createRepository,
  listSnapshots,
  loadIndex,
} from "@holdfast/engine";
import { MemoryBackend } from "@holdfast/storage/testing";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { Source, SourceWarning } from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { openCaptured } from "../snapshot/captured-snapshot.ts";
import { givenCapture } from "../snapshot/given-capture.ts";

export interface LabCapture {
  readonly result: BackupResult;
  readonly warnings: readonly SourceWarning[];
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
    const capture = await source.capture({ signal: within, onWarning: (warning) => warnings.push(warning) });
    try {
      const result = await new Backup(this.repository, {
        targets: [],
        given: givenCapture(capture, { ...identity, hostname: "lab" }),
        rules: capture.rules ?? NO_RULES,
        cwd: "/",
        hostname: "lab",
        username: "tester",
        uid: 0,
        gid: 0,
        tags: [],
        excludes: [],
        parent: { kind: "auto", groupBy: ["host", "paths"] },
        reading: { withAtime: false, ignoreInode: false, ignoreCtime: false },
        compression: "auto",
        packSizeBytes: 4 * 1024 * 1024,
        scan: false,
        skipIfUnchanged: false,
        dryRun: false,
        programVersion: "lab",
        signal: within,
        onEvent: () => {},
      }).run();
      return { result, warnings };
    } finally {
      await capture.close();
    }
  }

  async snapshotCount(): Promise<number> {
    return (await listSnapshots(this.repository, { signal: new AbortController().signal })).length;
  }

  /** What the newest snapshot holds. */
  async captured(): Promise<CapturedTree> {
    const signal = new AbortController().signal;
    const newest = (await listSnapshots(this.repository, { signal })).at(-1);
    if (newest === undefined) throw new Error("there is no snapshot");
    const index = await loadIndex(this.repository, { signal });
    return openCaptured({ repository: this.repository, index, snapshot: newest.snapshot }, { signal });
  }
}
