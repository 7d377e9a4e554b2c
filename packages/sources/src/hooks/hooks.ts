/**
 * Commands of the user around a capture: they freeze, pause or announce before anything is read, and undo that afterwards, however
 * the capture ends, also when this process is killed.
 */
import { z } from "zod";
import { withinLimit } from "../content/time-limit.ts";
import { commandLine, duration } from "../contract/setting-types.ts";
import type { CallOptions, Capture, CaptureOptions, Source } from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { lastLineOf } from "../programs/last-line.ts";
import { Programs } from "../programs/programs.ts";

export const hookSettings = z.strictObject({
  before: commandLine.optional().describe("Runs before anything is read: it exports, freezes or pauses."),
  after: commandLine
    .optional()
    .describe(
      "Runs once `before` was started, however the capture ends, also when Holdfast is killed: it thaws, goes on, removes the export. It may run twice.",
    ),
  variables: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .describe("Variables of the environment for both; no secrets."),
  "time-limit": duration.prefault("5m").describe("How long each of them may take."),
});

export type HookSettings = z.infer<typeof hookSettings>;

/** The source with its hooks around every capture. Restores and proofs are as they were. @param name as the configuration has it */
export function withHooks(
  source: Source,
  settings: HookSettings | undefined,
  { name, environment }: Pick<SourceSurroundings, "environment"> & { readonly name: string },
): Source {
  if (settings?.before === undefined && settings?.after === undefined) return source;
  const hooks = new Hooks(settings, name, environment);
  return {
    forms: source.forms,
    ...(source.journal === undefined ? {} : { journal: source.journal }),
    ...(source.reaches === undefined ? {} : { reaches: (facts, until) => source.reaches?.(facts, until) ?? false }),
    capture: (options) => hooks.around(options, () => source.capture(options)),
    restore: (captured, options) => source.restore(captured, options),
    prove: (captured, options) => source.prove(captured, options),
  };
}

class Hooks {
  readonly #settings: HookSettings;
  readonly #programs: Programs;
  readonly #variables: Readonly<Record<string, string>>;

  constructor(settings: HookSettings, name: string, environment: SourceSurroundings["environment"]) {
    this.#settings = settings;
    this.#programs = new Programs({ source: `source ${name}`, environment });
    this.#variables = { ...settings.variables, HOLDFAST_SOURCE: name };
  }

  async around({ signal }: CaptureOptions, begin: () => Promise<Capture>): Promise<Capture> {
    const { before, after } = this.#settings;
    // Before anything is frozen: a missing program must not show in the middle.
    for (const words of [before, after]) {
      if (words !== undefined) await this.#programs.require(words[0] as string);
    }
    signal.throwIfAborted();
    const undo = await this.#undoing(after);
    try {
      if (before !== undefined) await this.#run("before", before, { signal });
      const capture = await begin();
      return {
        paths: capture.paths,
        entries: capture.entries,
        ...(capture.entriesBeside === undefined
          ? {}
          : { entriesBeside: (stored) => capture.entriesBeside?.(stored) ?? capture.entries }),
        ...(capture.rules === undefined ? {} : { rules: capture.rules }),
        facts: () => prepared(capture.facts(), before !== undefined),
        close: async () => {
          try {
            await capture.close();
          } finally {
            await undo();
          }
        },
      };
    } catch (error) {
      await undo();
      throw error;
    }
  }

  /** What undoes the first hook; should we be killed, another process does it. */
  async #undoing(after: readonly string[] | undefined): Promise<() => Promise<void>> {
    if (after === undefined) return async () => {};
    const program = await this.#programs.require(after[0] as string);
    const watchdog = this.#programs.watch([program, ...after.slice(1)], this.#variables);
    let running: Promise<void> | undefined;
    const undo = async (): Promise<void> => {
      try {
        // To its end also when the capture is aborted; its own limit holds.
        await this.#run("after", after, { signal: new AbortController().signal });
      } finally {
        await watchdog.dismiss();
      }
    };
    return () => (running ??= undo());
  }

  async #run(which: "before" | "after", words: readonly string[], options: CallOptions): Promise<void> {
    const limit = {
      ms: this.#settings["time-limit"],
      what: `the command of hooks.${which}`,
      source: this.#programs.options.source,
      setting: "hooks.time-limit",
    };
    const call = { tool: words[0] as string, args: words.slice(1), variables: this.#variables };
    await withinLimit(limit, (signal) => lastLineOf(this.#programs.stream(call, { signal })), options);
  }
}

/** Somebody has thought of how the content comes to rest, where it was not the kind. */
function prepared(facts: ReturnType<Capture["facts"]>, isPrepared: boolean): ReturnType<Capture["facts"]> {
  return isPrepared && facts.consistency === "none" ? { ...facts, consistency: "application" } : facts;
}
