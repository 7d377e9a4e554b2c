/** `holdfast journal fetch`: writes one file of a journal. */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { messageOf } from "@holdfast/base";
import { type JournalReader, sourcesError } from "@holdfast/sources";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { type JournaledSource, withJournaled } from "../journal/journaled-source.ts";
import { readJournal } from "../journal/read-journal.ts";
import { withSession } from "../repository-session.ts";

export const run: RunCommand = async (context) => {
  const [name = "", file = "", target = ""] = context.args;
  return withJournaled(context, name, (source) =>
    withSession(source.targets[0], (session) =>
      session.locked("look", async (signal) => {
        const journal = await readJournal(session, source.opened, { signal });
        const stream = await streamWith(context, { source, journal, file, signal });
        await write(source.format.restored(journal.read(stream, file, { signal })), resolve(target), signal);
        return EXIT.ok;
      }),
    ),
  );
};

interface Wanted {
  readonly source: JournaledSource;
  readonly journal: JournalReader;
  readonly file: string;
  readonly signal: AbortSignal;
}

/** The one that is named, or that of the server whose folder we are in, or the only one that has the file. */
async function streamWith({ options }: CommandContext, { source, journal, file, signal }: Wanted): Promise<string> {
  const named = options.text("stream") ?? (await source.format.streamIn(process.cwd(), { signal }));
  if (named !== undefined) return named;
  const having: string[] = [];
  for (const stream of await journal.streams({ signal })) {
    if ((await journal.files(stream, { signal })).some((each) => each.name === file)) having.push(stream);
  }
  const [only, another] = having;
  if (only === undefined) throw sourcesError("SOURCES_NO_JOURNAL_FILE", { name: file });
  if (another === undefined) return only;
  const problem = `the journals of several servers have ${file}: say with --stream which is meant: ${having.join(", ")}`;
  throw cliError("CLI_USAGE", { problem, help: "holdfast help journal fetch" });
}

/** Under its name there is never half of it. */
async function write(content: AsyncIterable<Uint8Array>, path: string, signal: AbortSignal): Promise<void> {
  const unfinished = `${path}.holdfast-${process.pid}`;
  try {
    await pipeline(Readable.from(content), createWriteStream(unfinished, { mode: 0o600, flush: true }), { signal });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof Error && "kind" in error) throw error;
    signal.throwIfAborted();
    throw cliError("CLI_WRITE_FAILED", { path, reason: messageOf(error) }, error);
  }
}
