/** `holdfast journal follow`: takes a journal from its server as it is written, and stores it. */
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseDuration } from "@holdfast/base";
import { sourcesError } from "@holdfast/sources";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { Follower } from "../journal/follower.ts";
import { withJournaled } from "../journal/journaled-source.ts";
import { PushLine } from "../journal/push-line.ts";
import { lockSpool } from "../journal/spool-lock.ts";
import { Spool } from "../journal/spool.ts";

const HEARTBEAT_MS = 3_600_000;
/** What is left may take so long to be stored once the run is told to end. */
const LAST_MS = 20_000;
/** So many files wait for repositories other than the first. */
const PATIENCE_FILES = 64;

export const run: RunCommand = async (context) => {
  const [name = ""] = context.args;
  const { options, signal, output } = context;
  const heartbeatMs = options.parsed("heartbeat", "give a duration such as 10m or 1h", parseDuration) ?? HEARTBEAT_MS;
  // What is left is stored after the interruption, so nothing but its following hears of that.
  const deadline = new AbortController();
  const begin = (): void => void setTimeout(() => deadline.abort(signal.reason), LAST_MS).unref();
  signal.addEventListener("abort", begin, { once: true });
  const patient = { ...context, signal: deadline.signal };
  return withJournaled(patient, name, async (source) => {
    const { opened, format, targets } = source;
    const journal = opened.source.journal;
    if (journal === undefined) {
      throw sourcesError("SOURCES_NO_JOURNAL", { source: `source ${name} as it is set up`, kind: opened.kind.kind });
    }
    const folder = spoolFolder(context, name);
    // The program that fills it may run as another user, who has to get there.
    await mkdir(dirname(folder), { recursive: true, mode: 0o711 });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const unlock = await lockSpool(folder);
    const lines = targets.map((target) => new PushLine(target, source)) as [PushLine, ...PushLine[]];
    try {
      output.message(`following the journal of ${name}; what is not stored yet lies in ${folder}`);
      const repositories = lines.length;
      const spool = new Spool({ folder, format, source: journal, repositories, patience: PATIENCE_FILES });
      const parts = { name, source: journal, spoolFolder: folder, spool, lines, heartbeatMs };
      await new Follower({ ...parts, signal, deadline: deadline.signal }).run();
      return EXIT.ok;
    } finally {
      for (const line of lines) await line.close();
      await unlock();
    }
  });
};

function spoolFolder({ options, variables }: CommandContext, name: string): string {
  const named = options.text("spool");
  if (named !== undefined) return resolve(named);
  const given = variables.plain("XDG_STATE_HOME");
  // Nobody but root gets through the home of root.
  const usual = process.geteuid?.() === 0 ? "/var/lib" : join(homedir(), ".local/state");
  return join(given?.startsWith("/") === true ? given : usual, "holdfast", "journal", name);
}
