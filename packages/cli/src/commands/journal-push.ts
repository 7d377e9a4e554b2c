/** `holdfast journal push`: stores finished files of a journal. */
import { resolve } from "node:path";
import { Backup } from "@holdfast/engine";
import { type JournalFile, type PushedJournal, pushJournal } from "@holdfast/sources";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { type JournaledSource, journalBackup, repositoryTitle, withJournaled } from "../journal/journaled-source.ts";
import { tellPush } from "../journal/tell-push.ts";
import { safeText } from "../output/safe-text.ts";
import { toldError } from "../output/told-error.ts";
import { withSession } from "../repository-session.ts";

/** The server asks again by itself; until then it must be able to stop. */
const PATIENCE_MS = 30_000;

export const run: RunCommand = async (context) => {
  const [name = "", ...paths] = context.args;
  const { output, signal, options } = context;
  return withJournaled(context, name, async (source) => {
    const files: JournalFile[] = [];
    for (const path of paths) files.push(await source.format.examine(resolve(path), { signal }));
    for (const [at, target] of source.targets.entries()) {
      try {
        const beganMs = performance.now();
        const pushed = await pushTo(target, source, files);
        tellPush(target, { name, pushed, elapsedMs: performance.now() - beganMs, level: 1 });
      } catch (error) {
        if (at === 0 || signal.aborted || options.flag("all-repositories")) throw error;
        const lost = `${repositoryTitle(target)} does not have it yet, and gets it by \`holdfast copy\``;
        output.warn(`journal of ${name}: ${lost}: ${safeText(toldError(error))}`, { during: "journal", item: name });
      }
    }
    return EXIT.ok;
  });
};

function pushTo(
  context: CommandContext,
  { opened, format }: JournaledSource,
  files: readonly JournalFile[],
): Promise<PushedJournal> {
  const { output, options } = context;
  const backup = journalBackup(context);
  return withSession(
    context,
    (session) =>
      session.locked("append", (signal) =>
        pushJournal(session.repository, {
          kind: opened.kind.kind,
          name: opened.name,
          format,
          files,
          keepsAll: opened.source.journal?.keepsAll ?? false,
          backup,
          signal,
          onWarning: (message) => output.warn(safeText(message), { during: "journal", item: opened.name }),
        }),
      ),
    {
      patienceMs: options.text("retry-for") === undefined ? PATIENCE_MS : undefined,
      whileOpening: () => Backup.startThreads(backup.workers),
    },
  );
}
