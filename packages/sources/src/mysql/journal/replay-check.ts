/** The replay of a journal into the private server of a proof, as one of its checks. */
import { recoveryTargetText } from "../../contract/recovery-target.ts";
import type { ProofCheck, ProveOptions, Recovery } from "../../contract/source.ts";
import { lookAt } from "../../proofs/look-at.ts";
import type { Product } from "../server/flavour.ts";
import type { PrivateServer, ServerFolder } from "../server/private-server.ts";
import type { ReplayPlan } from "./plan-replay.ts";
import { replay } from "./replay.ts";

interface Replaying {
  readonly server: PrivateServer;
  readonly folder: ServerFolder;
  readonly product: Product;
  readonly recovery: Recovery;
  readonly plan: ReplayPlan;
}

/** @throws SOURCES_NO_ROOM, and what reading the journal throws that is out of reach: that says nothing of the snapshot */
export async function replayCheck(
  { server, folder, product, recovery, plan }: Replaying,
  { scratch, signal, onStep }: ProveOptions,
): Promise<ProofCheck> {
  return lookAt(`the binary log is replayed to ${recoveryTargetText(recovery.until)}`, { signal }, async () => {
    const how = { product, temporary: scratch, onStep, signal };
    await folder.attempt(() => replay(server.connection, recovery.journal, plan, how));
    return { passed: true, detail: plan.end };
  });
}
