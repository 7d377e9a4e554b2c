/** `holdfast serve trash restore`: brings back what was removed through a server. */
import { messageOf } from "@holdfast/base";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { plural } from "../output/units.ts";
import { trashJson, withTrash } from "../serve/chosen-trash.ts";

export const run: RunCommand = (context) =>
  withTrash(context, async ({ trash, chosen }) => {
    const { output, signal } = context;
    let restored = 0;
    for (const row of chosen) {
      try {
        await trash.restore(row, { signal });
        restored++;
        if (output.settings.json) output.printJson({ message_type: "restored", ...trashJson(row) });
      } catch (error) {
        signal.throwIfAborted();
        output.warn(messageOf(error), { during: "restore", item: row.name });
      }
    }
    output.message(`brought back ${plural(restored, "file")}`);
    return restored === chosen.length ? EXIT.ok : EXIT.incomplete;
  });
