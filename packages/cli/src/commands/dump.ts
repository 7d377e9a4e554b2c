/** `holdfast dump`: prints a file, or a folder as an archive. */
import { messageOf } from "@holdfast/base";
import {
  type ArchiveOptions,
  type Repository,
  type WalkProblem,
  displayPath,
  dumpFile,
  dumpTar,
  dumpZip,
  resolvePath,
} from "@holdfast/engine";
import { type OpenedSnapshot, openSnapshot } from "../browse/open-snapshot.ts";
import { writeGivenFile } from "../browse/write-file.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { withSession } from "../repository-session.ts";

export const run: RunCommand = (context) =>
  withSession(
    context,
    (session) =>
      session.locked("look", async (signal) => {
        const { options, output, args } = context;
        const opened = await openSnapshot(session, args[0] ?? "", options, { signal });
        const tally = { problems: 0 };
        const pieces = await contentAt(session.repository, opened, { context, signal, tally });
        const target = options.text("target");
        if (target !== undefined) await writeGivenFile(target, pieces);
        else for await (const piece of pieces) await output.printBytes(piece, { signal });
        return tally.problems > 0 ? EXIT.damage : EXIT.ok;
      }),
    { use: "reads" },
  );

interface Dumping {
  readonly context: CommandContext;
  readonly signal: AbortSignal;
  readonly tally: { problems: number };
}

/** @throws ENGINE_PATH_NOT_FOUND, CLI_NO_CONTENT, CLI_USAGE */
async function contentAt(
  repository: Repository,
  opened: OpenedSnapshot,
  { context, signal, tally }: Dumping,
): Promise<AsyncIterable<Uint8Array>> {
  const { place, trees, index } = opened;
  const path = context.args[1] ?? "/";
  const found = place.kind === "tree" ? await resolvePath(trees, place.id, path, { signal }) : place;
  if (found.kind === "node") {
    const { node } = found;
    if (node.type !== "file") throw cliError("CLI_NO_CONTENT", { path: displayPath(path), type: node.type });
    return dumpFile(repository, index, node, { signal });
  }
  const { options, output } = context;
  if (options.typed("target") === undefined && output.isTerminal) {
    const problem = "an archive is not for terminals: redirect the output or give --target";
    throw cliError("CLI_USAGE", { problem, help: "holdfast help dump" });
  }
  const settings: ArchiveOptions = {
    signal,
    prefix: path,
    onProblem: ({ path: at, error }: WalkProblem) => {
      tally.problems++;
      output.warn(`${displayPath(at)} is left out: ${messageOf(error)}`, { during: "dump", item: at });
    },
    onSkipped: ({ path: at, node }) =>
      output.message(`${displayPath(at)} is left out: a ${node.type} has no place in an archive`, 1),
  };
  return (options.text("archive") === "zip" ? dumpZip : dumpTar)(repository, index, found.id, settings);
}
