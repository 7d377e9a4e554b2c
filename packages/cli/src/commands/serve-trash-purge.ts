/** `holdfast serve trash purge`: destroys what was removed through a server before its time is over. */
import type { RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, plural } from "../output/units.ts";
import { trashJson, withTrash } from "../serve/chosen-trash.ts";

export const run: RunCommand = (context) => {
  const { options, output, args, signal } = context;
  if (args.length < 2 && options.text("repository") === undefined && !options.flag("all")) {
    const problem = "say what is to be destroyed: names, --repository or --all";
    throw cliError("CLI_USAGE", { problem, help: "holdfast help serve trash purge" });
  }
  return withTrash(context, async ({ trash, chosen }) => {
    let bytes = 0;
    for (const row of chosen) {
      signal.throwIfAborted();
      await trash.purge(row, { signal });
      bytes += row.sizeBytes;
      if (output.settings.json) output.printJson({ message_type: "purged", ...trashJson(row) });
    }
    output.message(`destroyed ${plural(chosen.length, "file")} (${formatBytes(bytes)})`);
    return EXIT.ok;
  });
};
