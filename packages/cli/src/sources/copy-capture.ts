/** Brings a capture into a further repository of its source: what was read once shows one moment everywhere. */
import { Copy, type CopyResult, type Id, findSnapshot } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { copyProgress } from "../copy/progress.ts";
import { copyReporter } from "../copy/report.ts";
import { carryIncomplete } from "../evidence/carry.ts";
import { showProgress } from "../output/progress.ts";
import { type Session, withSession } from "../repository-session.ts";
import { packOptions } from "../values/pack-options.ts";

/** A capture that is stored. */
export interface StoredCapture {
  /** Of the repository that has it. */
  readonly context: CommandContext;
  readonly id: Id;
}

/** @returns whether all of it is there now; what is not was told. @throws what opening, locking and copying throw */
export function copyCapture({ context: from, id }: StoredCapture, to: CommandContext): Promise<boolean> {
  return withSession(from, (source) =>
    withSession(to, (target) =>
      source.locked("read", (reading) =>
        target.locked("append", (writing) =>
          run(to, { source, target, id, signal: AbortSignal.any([reading, writing]) }),
        ),
      ),
    ),
  );
}

interface Copying {
  readonly source: Session;
  readonly target: Session;
  readonly id: Id;
  readonly signal: AbortSignal;
}

async function run(context: CommandContext, { source, target, id, signal }: Copying): Promise<boolean> {
  const { output, options, variables } = context;
  const beganAtMs = Date.now();
  const { stored } = await findSnapshot(source.repository, id, { signal });
  const report = copyReporter(output);
  const copy = new Copy({
    ...packOptions(options),
    from: source.repository,
    to: target.repository,
    snapshots: [stored],
    dryRun: false,
    verify: false,
    signal,
    onEvent: (event) => {
      if (event.kind !== "target" && event.kind !== "begun") report(event);
    },
  });
  const progress = showProgress(copyProgress(copy), output, variables);
  let result: CopyResult;
  try {
    result = await copy.run();
  } finally {
    progress.stop();
  }
  const made = result.copied.flatMap((each) =>
    each.id === undefined ? [] : [{ id: each.id, snapshot: stored.snapshot }],
  );
  const pairs = made.map((each) => ({ source: stored, made: each }));
  await carryIncomplete(context, { from: source, to: target }, pairs, { run: "copy", beganAtMs, signal });
  return result.incomplete.length === 0;
}
