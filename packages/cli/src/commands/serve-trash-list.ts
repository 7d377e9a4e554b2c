/** `holdfast serve trash list`: lists what was removed through a server and can come back. */
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatLocalTime, plural } from "../output/units.ts";
import { trashJson, withTrash } from "../serve/chosen-trash.ts";

const COLUMNS = [
  { heading: "Repository" },
  { heading: "Type" },
  { heading: "Name" },
  { heading: "Size", align: "right" },
  { heading: "Removed" },
  { heading: "By" },
  { heading: "Until" },
] as const;

export const run: RunCommand = (context) =>
  withTrash(context, async ({ chosen }) => {
    const { output } = context;
    if (output.settings.json) {
      output.printJson(chosen.map(trashJson));
      return EXIT.ok;
    }
    const cells = chosen.map((row) => [
      row.repository === "" ? "/" : row.repository,
      row.type,
      row.name.slice(0, 16),
      formatBytes(row.sizeBytes),
      formatLocalTime(BigInt(row.removedMs) * 1_000_000n),
      row.removedBy,
      formatLocalTime(BigInt(row.purgeMs) * 1_000_000n),
    ]);
    const foot = plural(cells.length, "removed file");
    if (cells.length === 0) output.message("nothing that was chosen is in the trash");
    else for (const line of formatTable(COLUMNS, cells, { foot, width: output.width })) output.print(line);
    return EXIT.ok;
  });
