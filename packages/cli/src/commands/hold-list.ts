/** `holdfast hold list`: lists the holds. */
import { messageOf } from "@holdfast/base";
import { type Hold, type Id, displayPath, listHolds } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { countHeld } from "../forget/held-snapshots.ts";
import { describeSelector, holdJson } from "../forget/show-hold.ts";
import { formatTable } from "../output/table.ts";
import { formatCount, formatLocalTime, plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) =>
  withSession(context, (session) =>
    session.locked("look", async (signal) => {
      const { output } = context;
      let damaged = 0;
      const onDamaged = (id: Id, error: unknown): void => {
        damaged++;
        const text = `hold ${id} cannot be read, so that nothing can be forgotten or pruned: ${messageOf(error)}`;
        output.warn(text, { during: "hold list", item: id });
      };
      const holds = await listHolds(session.repository, { signal, onDamaged });
      const held = await countHeld(session.repository, holds, { signal });
      if (output.settings.json) output.printJson(holds.map((hold) => holdJson(hold, held.get(hold.id) ?? 0)));
      else if (holds.length > 0) for (const line of tableOf(holds, held, output.width)) output.print(line);
      else if (damaged === 0) output.message("there are no holds");
      return damaged > 0 ? EXIT.damage : EXIT.ok;
    }),
  );

function tableOf(holds: readonly Hold[], held: ReadonlyMap<Id, number>, width: number | undefined): string[] {
  const today = Temporal.Now.plainDateISO().toString();
  const columns = [
    { heading: "ID" },
    { heading: "Since" },
    { heading: "Keeps" },
    { heading: "Snapshots", align: "right" },
    { heading: "Owner" },
    { heading: "Review" },
    { heading: "Reason", shrinks: true },
  ] as const;
  const rows = holds.map(({ id, selector, reason, owner, reviewOn, createdAtMs }) => [
    shortId(id),
    formatLocalTime(BigInt(createdAtMs) * 1_000_000n).slice(0, "2026-11-01".length),
    describeSelector(selector),
    formatCount(held.get(id) ?? 0),
    displayPath(owner),
    reviewOn < today ? `${reviewOn} (due)` : reviewOn,
    displayPath(reason),
  ]);
  return formatTable(columns, rows, { foot: plural(holds.length, "hold"), width });
}
