/** That the model can fail: a prune with a defect is found out. */
import { type CallOptions, type FileInfo, type FileType, ForwardingBackend } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import type { Counts } from "./sequences.ts";
import { runSequence } from "./sequences.ts";
import { DIRECT, type StepMakers } from "./steps.ts";

/** Sequences in which a defect must show itself. */
const ENOUGH = 60;

/** Shows all files of one type but the first. */
class ForgetfulBackend extends ForwardingBackend {
  readonly #type: FileType;

  constructor(inner: ForwardingBackend["inner"], type: FileType) {
    super(inner);
    this.#type = type;
  }

  override async *list(type: FileType, options: CallOptions): AsyncGenerator<FileInfo> {
    let isFirst = type === this.#type;
    for await (const info of super.list(type, options)) {
      if (!isFirst) yield info;
      isFirst = false;
    }
  }
}

/** The first complaint of the model; `undefined` when it has none. */
async function complaint(makers: StepMakers): Promise<string | undefined> {
  const counts: Counts = {};
  for (let seed = 1; seed <= ENOUGH; seed++) {
    try {
      await runSequence(seed, { steps: { least: 3, most: 12 }, makers }, counts);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

describe("the model finds a prune", { timeout: 120_000 }, () => {
  test.for([
    { type: "snapshot", says: /prune.*: snapshot [0-9a-f]{64} cannot be restored/ },
    { type: "forgotten", says: /prune.*: forgotten [0-9a-f]{64} cannot be restored/ },
  ] as const)("that overlooks one $type", async ({ type, says }) => {
    const found = await complaint({ ...DIRECT, pruneView: (backend) => new ForgetfulBackend(backend, type) });
    expect(found).toMatch(says);
  });
});
