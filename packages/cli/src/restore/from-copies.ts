/**
 * A restore from whichever copy is alive and fast. All copies that are named are opened at once; the engine reads from the chosen one,
 * takes single blobs that it lost from the others, and goes over to another in the middle when it has to.
 */
import { Restore, type RestoreResult, type StandbyCopy, displayPath } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { type Choice, chooseCopy } from "./choose-copy.ts";
import { tellDamages } from "./report.ts";
import { type NamedCopy, NamedCopies } from "./open-copies.ts";
import { type RestoreSettings, recordFindings, restoreOnce, spareAll } from "./restore-once.ts";

/** @throws what opening the copies throws when none can be used, and what restoring from the last that is left throws */
export async function restoreFromCopies(context: CommandContext, settings: RestoreSettings): Promise<RestoreResult> {
  const copies = new NamedCopies(context);
  try {
    await copies.open(() => Restore.startThreads());
    const folders = copies.all.flatMap(({ folder }) => (folder === undefined ? [] : [folder]));
    const spare = spareAll(context, folders, settings.target);
    const choice = await chooseCopy(context, copies.all);
    copies.started();
    tellChoice(context, choice, settings);
    return await restoreAll(context, choice, { ...settings, spare });
  } finally {
    await copies.close();
  }
}

/** Once, and again from another copy when the index of the one lacks what that has. */
async function restoreAll(context: CommandContext, choice: Choice, settings: RestoreSettings): Promise<RestoreResult> {
  const { output } = context;
  const beganAtMs = Date.now();
  const last = choice.whole.at(-1);
  let result: RestoreResult | undefined;
  for (const main of choice.whole) {
    const others = choice.whole.filter((copy) => copy !== main);
    const ready = others.map(({ named, opened }): StandbyCopy => ({ location: named.location, open: opened }));
    const standby = [...ready, ...choice.rest.map(late)];
    result = await restoreOnce(context, await main.opened(), choice, { ...settings, standby });
    await recordFindings(context, choice, main, { settings, result, beganAtMs, isFirst: main === choice.whole[0] });
    tellDamages(result, output);
    if ((result.problemCounts.damaged ?? 0) === 0 || main === last) break;
    output.warn("what is damaged is looked for in another copy once more", { during: "restore" });
  }
  return result as RestoreResult;
}

/** A copy that was not chosen from, or is still being opened. */
function late({ location, opening }: NamedCopy): StandbyCopy {
  return {
    location,
    open: async () => {
      const { session, signal, index } = await opening;
      return { repository: session.repository, index: await index(), signal };
    },
  };
}

function tellChoice({ output }: CommandContext, { rest }: Choice, { target }: RestoreSettings): void {
  for (const { location, outcome } of rest) {
    if (outcome === undefined) output.warn(`${displayPath(location)} has not answered yet`, { during: "open" });
    else if (!("error" in outcome) && outcome.found === undefined) {
      const text = `${displayPath(location)} does not have this snapshot; \`holdfast copy\` brings snapshots there`;
      output.warn(text, { during: "open" });
    }
  }
  output.message(`restoring into ${displayPath(target)}`, 1);
}
