/** What a repair did not remove although it was told to, for people and programs. */
import type { Hold, KeptSnapshot } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { shortId } from "../snapshot-json.ts";

/** A warning for each, with the command that lets it go. */
export function reportKept(output: Output, kept: readonly KeptSnapshot[]): void {
  for (const { id, holds, isPinned, isReadable } of kept) {
    const what = isReadable ? `snapshot ${shortId(id)} stays` : `snapshot ${id}, which cannot be read, stays`;
    const why = safeText(reasonsOf({ holds, isPinned }).join("; "));
    const [first] = holds;
    const way =
      first === undefined
        ? `\`holdfast tag --remove pinned ${shortId(id)}\` ends that`
        : `\`holdfast hold release ${shortId(first.id)}\` ends ${holds.length > 1 ? "the first" : "the hold"}`;
    output.warn(`${what}: ${isReadable ? "" : "it may be meant by "}${why}; ${way}`, { during: "repair", item: id });
  }
}

/** Each with its reasons, in the words of `forget`, and the ids of holds. */
export function keptJson(kept: readonly KeptSnapshot[]): Record<string, unknown>[] {
  return kept.map((each) => ({ id: each.id, reasons: reasonsOf(each), holds: each.holds.map(({ id }) => id) }));
}

function reasonsOf({ holds, isPinned }: { holds: readonly Hold[]; isPinned: boolean }): string[] {
  const held = holds.map(({ id, reason }) => `hold ${shortId(id)}: ${reason}`);
  return isPinned ? ["floor: it is pinned", ...held] : held;
}
