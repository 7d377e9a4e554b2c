/** `holdfast hold release`: ends holds. */
import { type Id, findFileId, releaseHold } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) =>
  withSession(context, (session) =>
    session.locked("append", async (signal) => {
      const { args, output } = context;
      const { repository } = session;
      refuseUnplanned(repository, "hold release");
      // All are found before any is released: a slip in one must not leave half of the work done.
      const ids = new Set<Id>();
      for (const text of args) ids.add(await findFileId(repository, "hold", text, { signal }));
      for (const id of ids) {
        await releaseHold(repository, id, { signal });
        if (output.settings.json) output.printJson({ message_type: "hold_released", id });
        else output.print(`released hold ${shortId(id)}`);
      }
      return EXIT.ok;
    }),
  );
