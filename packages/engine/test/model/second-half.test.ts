import { expect, test } from "vitest";
import { PATIENCE_MS, SEQUENCES } from "./count.ts";
import { runSequences } from "./sequences.ts";
import { DIRECT } from "./steps.ts";

const HALF = Math.floor(SEQUENCES / 2);

test(
  `after ${HALF} more random sequences of backup, forget, prune and more, cut off anywhere, every snapshot is as the model has it`,
  { timeout: 60_000 + HALF * PATIENCE_MS },
  async () => {
    const counts = await runSequences(HALF, "model (other half)", { steps: { least: 3, most: 12 }, makers: DIRECT });
    expect(counts["sequences"]).toBeGreaterThan(0);
  },
);
