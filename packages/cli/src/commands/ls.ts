/** `holdfast ls`: lists what is in a snapshot. */
import { type WalkProblem, type WalkedNode, displayPath, listEntries } from "@holdfast/engine";
import { messageOf } from "@holdfast/base";
import { nodeJson } from "../browse/node-json.ts";
import { type OpenedSnapshot, openSnapshot } from "../browse/open-snapshot.ts";
import { sortEntries } from "../browse/order.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { formatBytes, formatLocalTime, formatMode } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { shortId, snapshotJson } from "../snapshot-json.ts";

export const run: RunCommand = (context) =>
  withSession(
    context,
    (session) =>
      session.locked("look", async (signal) => {
        const { options, output, args } = context;
        const [text = "", ...folders] = args;
        const opened = await openSnapshot(session, text, options, { signal });
        if (opened.place.kind === "node") {
          const what = `'${displayPath(opened.subfolder)}'`;
          throw cliError("CLI_NOT_A_FOLDER", { what });
        }
        printHeading(context, opened);
        let problems = 0;
        const onProblem = ({ path, error }: WalkProblem): void => {
          problems++;
          output.warn(`${displayPath(path)}: ${messageOf(error)}`, { during: "ls", item: path });
        };
        const entries = listEntries(opened.trees, opened.place.id, folders, {
          recursive: options.flag("recursive"),
          signal,
          onProblem,
        });
        let shown = 0;
        const print = (entry: WalkedNode): void => {
          shown++;
          printEntry(context, entry);
        };
        await printAll(entries, context, print);
        if (shown === 0 && problems === 0) output.message("nothing is there");
        return problems > 0 ? EXIT.damage : EXIT.ok;
      }),
    { use: "reads" },
  );

/** In the order of the snapshot as they come; another order needs all of them first. */
async function printAll(
  entries: AsyncIterable<WalkedNode>,
  { options }: CommandContext,
  print: (entry: WalkedNode) => void,
): Promise<void> {
  const field = options.text("sort") ?? "name";
  const reverse = options.flag("reverse");
  if (field === "name" && !reverse) {
    for await (const entry of entries) print(entry);
    return;
  }
  const all: WalkedNode[] = [];
  for await (const entry of entries) all.push(entry);
  for (const entry of sortEntries(all, field, reverse)) print(entry);
}

function printHeading({ output }: CommandContext, { stored }: OpenedSnapshot): void {
  if (output.settings.json) {
    output.printJson({ ...snapshotJson(stored), message_type: "snapshot", struct_type: "snapshot" });
    return;
  }
  const { timeNs, hostname, username, paths } = stored.snapshot;
  const who = displayPath(`${username}@${hostname}`);
  output.message(
    `snapshot ${shortId(stored.id)} of ${paths.map(displayPath).join(", ")} at ${formatLocalTime(timeNs)} by ${who}:`,
  );
}

function printEntry({ output, options }: CommandContext, { path, node }: WalkedNode): void {
  if (output.settings.json) return output.printJson(nodeJson(path, node));
  const name = displayPath(path);
  if (!options.flag("long")) return output.print(name);
  const size = options.flag("human-readable") ? formatBytes(node.size) : String(node.size);
  const owner = `${String(node.uid).padStart(5)} ${String(node.gid).padStart(5)}`;
  const link = node.linkTarget === "" ? "" : ` -> ${displayPath(node.linkTarget)}`;
  output.print(
    `${formatMode(node.type, node.mode)} ${owner} ${size.padStart(10)} ${formatLocalTime(node.mtimeNs)} ${name}${link}`,
  );
}
