/** `holdfast key passwd`: changes the password that opened the repository. */
import { changePassword } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { newPassword } from "../password/password-source.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { withSession } from "../repository-session.ts";
import { noteKeys } from "../seen/keys.ts";
import { keyOrigin } from "../values/key-origin.ts";

export const run: RunCommand = (context) =>
  withSession(context, async (session) => {
    refuseUnplanned(session.repository, "key passwd");
    const password = await newPassword(context);
    return session.locked("exclusive", async (signal) => {
      const id = await changePassword(session.repository, password, { signal, ...keyOrigin(context.options) });
      await noteKeys(context, session.repository);
      if (context.output.settings.json) context.output.printJson({ message_type: "password_changed", id });
      else context.output.message(`the password is changed; the new key is ${id}`);
      return EXIT.ok;
    });
  });
