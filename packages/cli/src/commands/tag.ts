/** `holdfast tag`: changes the tags of snapshots. */
import { type TagChange, tagSnapshots } from "@holdfast/engine";
import type { RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import type { GivenOptions } from "../given-options.ts";
import { plural } from "../output/units.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { withSession } from "../repository-session.ts";
import { chosenSnapshots, snapshotFilter, splitTags } from "../snapshot-choice.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) => {
  const { options, output, args } = context;
  const change = changeOf(options);
  return withSession(context, (session) =>
    session.locked("exclusive", async (signal) => {
      const { repository } = session;
      refuseUnplanned(repository, "tag");
      const chosen = await chosenSnapshots(repository, { names: args, filter: snapshotFilter(options) }, { signal });
      let changed = 0;
      await tagSnapshots(repository, chosen, change, {
        signal,
        onChanged: ({ old, new: id }) => {
          changed++;
          if (output.settings.json)
            output.printJson({ message_type: "changed", old_snapshot_id: old, new_snapshot_id: id });
          else output.message(`${shortId(old)} is ${shortId(id)} now`, 1);
        },
      });
      if (output.settings.json) output.printJson({ message_type: "summary", changed_snapshots: changed });
      else output.print(changed === 0 ? "no snapshot had to be changed" : `changed ${plural(changed, "snapshot")}`);
      return EXIT.ok;
    }),
  );
};

/** @throws CLI_OPTIONS_CONFLICT, CLI_USAGE */
function changeOf(options: GivenOptions): TagChange {
  const tags = (name: string): string[] => options.list(name).flatMap(splitTags);
  const isSet = options.count("set") > 0;
  const isChanged = options.count("add") > 0 || options.count("remove") > 0;
  if (isSet && isChanged) {
    const reason = "all tags are replaced, so there is nothing to add to or remove from";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--set", second: "--add or --remove", reason });
  }
  if (!isSet && !isChanged) {
    throw cliError("CLI_USAGE", {
      problem: "nothing to change: give --add, --remove or --set",
      help: "holdfast tag --help",
    });
  }
  return isSet ? { set: tags("set") } : { add: tags("add"), remove: tags("remove") };
}
