/** A repository and a changing source, where backups are ended from outside and everything is looked over afterwards. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import {
  Check,
  type DataSubset,
  type LockInfo,
  type Repository,
  createRepository,
  isDamage,
  listLocks,
  listSnapshots,
} from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import { expect } from "vitest";
import { ChangingCorpus } from "./changing-corpus.ts";
import { type Ended, type Moment, runVictim } from "./kill-runs.ts";
import { PASSWORD } from "./programs.ts";
import type { VictimOrder } from "./victim.ts";

const { signal } = new AbortController();

export class CrashSite {
  readonly place: string;
  readonly corpus: ChangingCorpus;
  readonly #repository: Repository;
  #workMs = 0;

  private constructor(place: string, corpus: ChangingCorpus, repository: Repository) {
    this.place = place;
    this.corpus = corpus;
    this.#repository = repository;
  }

  static async make(folder: string): Promise<CrashSite> {
    const place = join(folder, "repository");
    const source = join(folder, "source");
    mkdirSync(source, { recursive: true });
    const repository = await createRepository(openLocal(place), new Secret(PASSWORD), {
      signal,
      hostname: "victim",
      username: "tester",
    });
    const site = new CrashSite(place, new ChangingCorpus(source), repository);
    for (let n = 0; n < 3; n++) await site.finishOne();
    return site;
  }

  /** How long the work of a backup takes here when nobody stops it. */
  get workMs(): number {
    return this.#workMs;
  }

  /** A backup that nobody stops. */
  async finishOne(): Promise<void> {
    this.expectFinished(await this.run());
  }

  /** Changes the source and backs it up; `signalName` is sent at the given moment. */
  run(moment?: Moment, signalName: NodeJS.Signals = "SIGKILL"): Promise<Ended> {
    this.corpus.change();
    return runVictim(this.#order(), moment, signalName);
  }

  expectFinished({ code, stderr, workMs }: Ended): void {
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    this.#workMs = this.#workMs === 0 ? workMs : 0.7 * this.#workMs + 0.3 * workMs;
  }

  async expectHealthy(readData: DataSubset["kind"] & ("all" | "none")): Promise<void> {
    const check = new Check(this.#repository, {
      readData: { kind: readData },
      workers: 1,
      signal,
      onFinding: () => {},
    });
    const { healthy, findings, affected } = await check.run();
    expect({ healthy, damage: findings.filter(isDamage), affected }).toEqual({
      healthy: true,
      damage: [],
      affected: [],
    });
  }

  async snapshotIds(): Promise<string[]> {
    return (await listSnapshots(this.#repository, { signal })).map(({ id }) => id);
  }

  locks(): Promise<LockInfo[]> {
    return listLocks(this.#repository, { signal });
  }

  #order(): VictimOrder {
    const { config, keyId, masterKey } = this.#repository;
    return {
      repository: this.place,
      source: this.corpus.folder,
      repositoryId: config.id,
      chunkerPolynomial: String(config.chunkerPolynomial),
      keyId,
      masterKey: {
        encrypt: masterKey.encrypt.toHex(),
        macK: masterKey.macK.toHex(),
        macR: masterKey.macR.toHex(),
      },
      packSizeBytes: 512 * 1024,
    };
  }
}
