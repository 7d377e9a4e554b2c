/** What may happen to a repository in the model: each step does it, and says what it may change. */
import { isHoldfastError } from "@holdfast/base";
import type { Backend } from "@holdfast/storage";
import { forgetSnapshots, unforgetSnapshots } from "../../src/forget/forgotten.ts";
import { tagSnapshots } from "../../src/forget/tag.ts";
import type { Id } from "../../src/format/id.ts";
import { executePrune } from "../../src/prune/execute.ts";
import type { PruneOptions, UnusedLimit } from "../../src/prune/options.ts";
import { planPrune } from "../../src/prune/plan.ts";
import { withLock } from "../../src/repository/locks.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { type Content, through } from "../backup-lab.ts";
import { signal } from "../made-repository.ts";
import { backUpDirectly } from "./direct-backup.ts";
import { Random } from "./random.ts";
import { changed, contentOf, type Files } from "./source.ts";
import { anyOf, DAY_MS, GRACE_MS, type World } from "./world.ts";

/** Snapshots that a step may change, and how; see `Allowed`. */
export interface Step {
  readonly appear: readonly Content[];
  readonly move: readonly Id[];
  readonly vanish: readonly Id[];
  /** Does it on the repository, as seen through any backend. */
  run(repository: Repository): Promise<unknown>;
}

export type StepKind = "backup" | "forget" | "unforget" | "tag" | "prune" | "hold" | "release" | "wait";

/** How a backup of files is made. */
export type BackUp = (repository: Repository, files: Files, random: Random, world: World) => Promise<unknown>;

/** How a prune sees the repository; a defect is planted here. */
export type PruneView = (backend: Backend) => Backend;

export interface StepMakers {
  readonly backUp: BackUp;
  readonly pruneView: PruneView;
}

export const DIRECT: StepMakers = {
  backUp: (repository, files, random, { nowMs }) => backUpDirectly(repository, files, { random, signal, nowMs }),
  pruneView: (backend) => backend,
};

const NOTHING = { appear: [], move: [], vanish: [] } as const;

/** A step of this kind; `undefined` when there is nothing to do it with. */
export async function makeStep(
  kind: StepKind,
  world: World,
  random: Random,
  makers: StepMakers,
): Promise<Step | undefined> {
  switch (kind) {
    case "backup":
      return backup(world, random, makers);
    case "forget": {
      const ids = random.some(world.live.keys(), 0.4);
      return ids.length === 0 ? undefined : exclusive((seen) => forgetSnapshots(seen, ids, { signal }), { move: ids });
    }
    case "unforget": {
      const id = anyOf(world.forgotten.keys(), random);
      if (id === undefined) return undefined;
      return exclusive((seen) => unforgetSnapshots(seen, [id], { signal }), { move: [id] });
    }
    case "tag":
      return tag(world, random);
    case "prune":
      return prune(world, random, makers);
    case "hold": {
      const id = anyOf([...world.live.keys(), ...world.forgotten.keys()], random);
      return id === undefined ? undefined : { ...NOTHING, run: () => world.hold(id) };
    }
    case "release":
      return { ...NOTHING, run: () => world.releaseAll() };
    case "wait":
      return { ...NOTHING, run: async () => void (world.timed.nowMs += random.between(1, 10 * 24) * (DAY_MS / 24)) };
  }
}

function backup(world: World, random: Random, { backUp }: StepMakers): Step {
  world.files = changed(world.files, random);
  const files = world.files;
  // Choices of its own, as the order of calls may not be the same twice when steps overlap.
  const own = new Random(random.below(2 ** 32));
  const run = (seen: Repository): Promise<unknown> =>
    withLock(seen, { exclusive: false, signal }, () => backUp(seen, files, own, world));
  return { ...NOTHING, appear: [contentOf(files)], run };
}

function tag(world: World, random: Random): Step | undefined {
  const id = anyOf(
    [...world.live.keys()].filter((each) => !world.held.has(each)),
    random,
  );
  if (id === undefined) return undefined;
  const change = { add: [`tag ${random.below(1000)}`], remove: [] };
  return exclusive(
    async (seen) => {
      const stored = (await listSnapshots(seen, { signal })).filter((each) => each.id === id);
      await tagSnapshots(seen, stored, change, { signal });
    },
    // A forget that was cut off has left a copy, which is all that is left of the old form then.
    { appear: [world.live.get(id) as Content], vanish: [id], move: [id] },
  );
}

async function prune(world: World, random: Random, { pruneView }: StepMakers): Promise<Step> {
  const vanish = [...(await world.expired())];
  const options = pruneOptions(world, random);
  return exclusive(
    async (seen) => {
      const repository = through(seen, pruneView(seen.backend));
      await executePrune(repository, await planPrune(repository, options), { signal });
    },
    { vanish },
  );
}

/** Any settings of a prune. Threads come in seldom: starting one takes ten times as long as all the rest. */
function pruneOptions(world: World, random: Random): PruneOptions {
  const limits: readonly UnusedLimit[] = [
    { kind: "bytes", bytes: 0 },
    { kind: "bytes", bytes: random.below(20_000) },
    { kind: "percent", percent: random.below(50) },
    { kind: "unlimited" },
  ];
  return {
    signal,
    graceMs: GRACE_MS,
    nowMs: world.nowMs,
    maxUnused: random.pick(limits),
    ...(random.chance(0.3) ? { maxRepackBytes: random.below(10_000) } : {}),
    ...(random.chance(0.3) ? { smallPackBytes: random.below(5_000) } : {}),
    repackUncompressed: random.chance(0.2) && world.repository.config.version === 2,
    repackCacheableOnly: random.chance(0.1),
    packSizeBytes: random.between(1_000, 20_000),
    unlistedGraceMs: random.chance(0.5) ? 0 : DAY_MS,
    workers: random.chance(0.05) ? 1 : 0,
  };
}

function exclusive(
  work: (seen: Repository) => Promise<void>,
  allowed: Partial<Pick<Step, "appear" | "move" | "vanish">>,
): Step {
  return { ...NOTHING, ...allowed, run: (seen) => withLock(seen, { exclusive: true, signal }, () => work(seen)) };
}

/** Whether a step failed because another one was at work: that changes nothing. */
export function isLocked(error: unknown): boolean {
  return isHoldfastError(error, "ENGINE_LOCKED");
}
