/** `holdfast key remove`: removes a key. */
import { findFileId, removeKey } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { withSession } from "../repository-session.ts";
import { noteKeys } from "../seen/keys.ts";

export const run: RunCommand = (context) =>
  withSession(context, (session) =>
    session.locked("exclusive", async (signal) => {
      refuseUnplanned(session.repository, "key remove");
      const id = await findFileId(session.repository, "key", context.args[0] ?? "", { signal });
      await removeKey(session.repository, id, { signal });
      await noteKeys(context, session.repository);
      if (context.output.settings.json) context.output.printJson({ message_type: "key_removed", id });
      else context.output.message(`removed key ${id}`);
      return EXIT.ok;
    }),
  );
