/** `holdfast key add`: adds a key with a password of its own. */
import { addKey } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { newPassword } from "../password/password-source.ts";
import { withSession } from "../repository-session.ts";
import { noteKeys } from "../seen/keys.ts";
import { keyOrigin } from "../values/key-origin.ts";

export const run: RunCommand = (context) =>
  withSession(context, async (session) => {
    // Asked for before locking: people take their time.
    const password = await newPassword(context);
    return session.locked("append", async (signal) => {
      const id = await addKey(session.repository, password, { signal, ...keyOrigin(context.options) });
      await noteKeys(context, session.repository);
      if (context.output.settings.json) context.output.printJson({ message_type: "key_added", id });
      else context.output.message(`added key ${id}`);
      return EXIT.ok;
    });
  });
