/** Runs random sequences of steps, some of them cut off, overlapping or without space, and compares with the model after each. */
import { isHoldfastError } from "@holdfast/base";
import { expect } from "vitest";
import { executePrune } from "../../src/prune/execute.ts";
import { planPrune } from "../../src/prune/plan.ts";
import { check, through } from "../backup-lab.ts";
import { signal } from "../made-repository.ts";
import { checkPacks } from "./check-alone.ts";
import { DyingBackend, SmallBackend } from "./prune-lab.ts";
import { Random } from "./random.ts";
import { ShuffledBackend } from "./shuffled.ts";
import { isLocked, makeStep, type Step, type StepKind, type StepMakers } from "./steps.ts";
import { GRACE_MS, World } from "./world.ts";

const WEIGHTS: Readonly<Record<StepKind, number>> = {
  backup: 8,
  forget: 8,
  unforget: 4,
  tag: 2,
  prune: 6,
  hold: 1,
  release: 0.5,
  wait: 2,
};
/** Steps that write in an order that matters when they are cut off. */
const CRASHING: ReadonlySet<StepKind> = new Set(["backup", "forget", "unforget", "tag", "prune"]);

/** Sequences after which the check of the program is run as well: its threads take longer to start than a sequence does. */
const FULL_CHECKS = 0.05;

/** How often what has happened. */
export type Counts = Record<string, number>;

export interface SequenceOptions {
  readonly steps: { readonly least: number; readonly most: number };
  readonly makers: StepMakers;
}

/**
 * One sequence. At its end nothing was cut off any more: a last prune must get through and leave nothing that nobody needs.
 * @throws what does not fit the model, with the seed in the message
 */
export async function runSequence(seed: number, options: SequenceOptions, counts: Counts): Promise<void> {
  const sequence = new Sequence(seed, options, counts);
  try {
    await sequence.run();
  } catch (error) {
    throw new Error(`the sequence of seed ${seed} (${sequence.history.join(", ")}): ${(error as Error).message}`, {
      cause: error,
    });
  }
}

class Sequence {
  readonly history: string[] = [];
  readonly #random: Random;
  readonly #world: World;
  readonly #options: SequenceOptions;
  readonly #counts: Counts;

  constructor(seed: number, options: SequenceOptions, counts: Counts) {
    this.#random = new Random(seed);
    this.#world = new World(Date.now(), this.#random.chance(0.1) ? 1 : 2);
    this.#options = options;
    this.#counts = counts;
  }

  async run(): Promise<void> {
    const { least, most } = this.#options.steps;
    for (let first = 0; first < 2; first++) await this.#happen("backup");
    for (let left = this.#random.between(least, most); left > 0; left--) await this.#happen();
    await this.#finish();
    this.#count("sequences");
  }

  async #happen(kind = this.#random.weighted(WEIGHTS)): Promise<void> {
    const random = this.#random;
    const step = await makeStep(kind, this.#world, random, this.#options.makers);
    if (step === undefined) return;
    if (CRASHING.has(kind) && random.chance(0.25)) return this.#cutOff(kind, step);
    if (kind === "prune" && random.chance(0.15)) return this.#withoutSpace(step);
    if (CRASHING.has(kind) && random.chance(0.15)) {
      const other = random.pick(["backup", "backup", "prune", "forget"] as const);
      const second = await makeStep(other, this.#world, random, this.#options.makers);
      if (second !== undefined) return this.#together(`${kind} with ${other}`, [step, second]);
    }
    this.#note(kind);
    await step.run(this.#world.repository);
    await this.#compare([step], kind);
  }

  /** The process is killed at one of its writes; sometimes it is done before. */
  async #cutOff(kind: string, step: Step): Promise<void> {
    // Most steps write little, so early moments are more likely.
    const dieAt = 1 + this.#random.below(1 + this.#random.below(this.#random.pick([8, 30])));
    const dying = new DyingBackend(this.#world.timed, dieAt);
    this.#note(`${kind} cut off at write ${dieAt}`, `${kind} cut off`);
    await expectDeath(step.run(through(this.#world.repository, dying)), dying, dieAt);
    await this.#world.unlock();
    await this.#compare([step], `${kind} cut off at write ${dieAt}`);
  }

  async #withoutSpace(step: Step): Promise<void> {
    const { memory, timed, repository } = this.#world;
    const small = new SmallBackend(timed, memory, memory.totalBytes + this.#random.below(2_500));
    this.#note("prune without space");
    try {
      await step.run(through(repository, small));
    } catch (error) {
      const isExpected = isHoldfastError(error, "ENGINE_PRUNE_FULL") || isHoldfastError(error, "STORAGE_FULL");
      if (!isExpected) throw error;
      this.#count("space ran out");
    }
    await this.#compare([step], "prune without space");
  }

  /** Both at once; each respects the lock of the other, so that one may not get in. */
  async #together(what: string, steps: readonly Step[]): Promise<void> {
    const shuffled = new ShuffledBackend(this.#world.timed, new Random(this.#random.below(2 ** 32)));
    const seen = through(this.#world.repository, shuffled);
    this.#note(what, "at the same time");
    for (const outcome of await Promise.allSettled(steps.map((step) => step.run(seen)))) {
      if (outcome.status === "fulfilled") continue;
      // One that would have brought back or tagged what the other has just forgotten.
      const isLate = isHoldfastError(outcome.reason, "ENGINE_ID_NOT_FOUND");
      if (!isLocked(outcome.reason) && !isLate) throw outcome.reason;
      this.#count("kept out by a lock");
    }
    await this.#compare(steps, what);
  }

  /** Everything that is left over goes with the next prune, and the check has nothing to say. */
  async #finish(): Promise<void> {
    const { repository, nowMs } = this.#world;
    const options = {
      signal,
      graceMs: GRACE_MS,
      nowMs,
      maxUnused: { kind: "bytes", bytes: 0 },
      // Putting small packs together may make others small and many.
      smallPackBytes: 0,
      unlistedGraceMs: 0,
      workers: 0,
    } as const;
    const vanish = await this.#world.expired();
    await executePrune(repository, await planPrune(repository, options), { signal });
    await this.#world.expectTrue({ vanish }, "the last prune");
    const again = await planPrune(repository, options);
    expect({ isNeeded: again.isNeeded, unused: again.blobs.unused, duplicate: again.blobs.duplicate }).toEqual({
      isNeeded: false,
      unused: 0,
      duplicate: 0,
    });
    expect(await checkPacks(repository)).toEqual([]);
    if (!this.#random.chance(FULL_CHECKS)) return;
    const { healthy, findings, affected } = await check(repository);
    expect({ healthy, findings, affected }).toEqual({ healthy: true, findings: [], affected: [] });
    this.#count("full checks");
  }

  async #compare(steps: readonly Step[], what: string): Promise<void> {
    await this.#world.expectTrue(
      {
        appear: steps.flatMap(({ appear }) => appear),
        move: new Set(steps.flatMap(({ move }) => move)),
        vanish: new Set(steps.flatMap(({ vanish }) => vanish)),
      },
      what,
    );
    this.#count("comparisons");
  }

  #note(what: string, counted = what): void {
    this.history.push(what);
    this.#count(counted);
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}

/**
 * Runs so many sequences and prints what has happened in them. Each has its own seed, which its failure names: give it in
 * HOLDFAST_MODEL_SEED to see that one again.
 */
export async function runSequences(sequences: number, what: string, options: SequenceOptions): Promise<Counts> {
  const counts: Counts = {};
  const given = process.env["HOLDFAST_MODEL_SEED"];
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  for (let n = 0; n < (given === undefined ? sequences : 1); n++) await runSequence(first + n, options, counts);
  const told = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`${what}, seeds from ${first}: ${told.sort().join(", ")}\n`);
  return counts;
}

/** A run that was cut off fails with just that; one that was done before then succeeds. */
async function expectDeath(run: Promise<unknown>, dying: DyingBackend, dieAt: number): Promise<void> {
  try {
    await run;
  } catch (error) {
    if (dying.writes < dieAt) throw error;
  }
}
