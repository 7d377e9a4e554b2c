/** `holdfast unlock`: removes locks that other runs left behind. */
import { removeLocks } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";

export const run: RunCommand = (context) =>
  withSession(context, async ({ repository }) => {
    const { options, output, signal } = context;
    const removed = await removeLocks(repository, { all: options.flag("remove-all"), signal });
    if (output.settings.json) output.printJson({ message_type: "summary", removed_locks: removed });
    else output.message(removed === 0 ? "there is no lock to remove" : `removed ${plural(removed, "lock")}`);
    return EXIT.ok;
  });
