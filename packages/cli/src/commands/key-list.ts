/** `holdfast key list`: lists the keys. */
import { displayPath, listKeys } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { formatTable } from "../output/table.ts";
import { formatGivenTime } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) =>
  withSession(context, (session) =>
    session.locked("look", async (signal) => {
      const keys = await listKeys(session.repository, { signal });
      const { output } = context;
      if (output.settings.json) {
        output.printJson(
          keys.map(({ id, current, username, hostname, created }) => ({
            current,
            id,
            userName: username,
            hostName: hostname,
            created: formatGivenTime(created),
            created_at: created,
          })),
        );
        return EXIT.ok;
      }
      const rows = keys.map(({ id, current, username, hostname, created }) => [
        `${current ? "*" : " "}${shortId(id)}`,
        displayPath(username),
        displayPath(hostname),
        formatGivenTime(created),
      ]);
      const columns = [{ heading: " ID" }, { heading: "User" }, { heading: "Host" }, { heading: "Created" }];
      output.print(formatTable(columns, rows).join("\n"));
      return EXIT.ok;
    }),
  );
