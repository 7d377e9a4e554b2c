/** A source that programs of the user make: the way to protect a workload that Holdfast does not know. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { atLeast } from "../content/plausible.ts";
import { limitTime } from "../content/time-limit.ts";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import { restoreFiles } from "../contract/restore-files.ts";
import type { CaptureFacts } from "../contract/facts.ts";
import type {
  CallOptions,
  Capture,
  CaptureOptions,
  ProofReport,
  ProveOptions,
  RestoreOptions,
  RestoreReport,
  Source,
} from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { lastLineOf } from "../programs/last-line.ts";
import { Programs } from "../programs/programs.ts";
import { lookAt } from "../proofs/look-at.ts";
import type { CommandSettings } from "./settings.ts";

/** The name of the folder that is stored, in the capture. */
const FOLDER = "folder";

export class CommandSource implements Source {
  readonly forms;
  readonly #name: string;
  readonly #settings: CommandSettings;
  readonly #programs: Programs;
  readonly #temporary: string;

  constructor(name: string, settings: CommandSettings, { environment, temporary }: SourceSurroundings) {
    this.#temporary = temporary;
    this.#name = name;
    this.#settings = settings;
    this.#programs = new Programs({ source: this.#title, environment });
    const folder = { name: "folder", description: "as files in an empty folder" };
    const command = { name: "command", description: "by the restore command of the configuration" };
    this.forms = settings.restore === undefined ? [folder] : [command, folder];
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    const { signal } = options;
    const { capture } = this.#settings;
    signal.throwIfAborted();
    if (capture !== undefined) await this.#programs.require(capture[0] as string);
    const startedAtMs = Date.now();
    await this.#requireFolder();
    return {
      paths: [captureFolder("command", this.#name)],
      entries: this.#entries(signal),
      facts: () => this.#facts(startedAtMs),
      close: async () => {},
    };
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title }, options);
      return { restored: ["all files of the capture"], place, remaining: [] };
    }
    const { restore } = this.#settings;
    if (restore === undefined) throw new Error("there is no such form without a command");
    await this.#programs.require(restore[0] as string);
    // The command needs the files only while it runs, unless somebody wants to keep them.
    const passing = await mkdtemp(join(this.#temporary, "restore-"));
    try {
      const folder = await restoreFiles(
        captured,
        { source: this.#title },
        { ...options, folder: options.folder ?? passing },
      );
      onStep(`running ${restore[0]}`);
      await this.#runOn(captured, restore, folder, { signal });
    } finally {
      await rm(passing, { recursive: true, force: true });
    }
    return { restored: [`what ${restore[0]} made of it`], place: "where the command puts it", remaining: [] };
  }

  async prove(captured: CapturedTree, { scratch, signal, onStep }: ProveOptions): Promise<ProofReport> {
    const beganMs = performance.now();
    // That it is not there says nothing of the copy.
    if (this.#settings.prove !== undefined) await this.#programs.require(this.#settings.prove[0] as string);
    onStep("restoring to a temporary folder");
    await captured.extract(undefined, scratch, { signal });
    const detail = "every byte read again and compared";
    const restored = { name: "restored", passed: true, detail, elapsedMs: performance.now() - beganMs };
    const { prove } = this.#settings;
    if (prove === undefined) return { checks: [restored], usableAfterMs: performance.now() - beganMs };
    onStep(`running ${prove[0]}`);
    const proven = await lookAt(prove[0] as string, { signal }, async () => ({
      passed: true,
      detail: await this.#runOn(captured, prove, scratch, { signal }),
    }));
    return { checks: [restored, proven], usableAfterMs: proven.passed ? performance.now() - beganMs : undefined };
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  async *#entries(signal: AbortSignal): AsyncGenerator<GivenEntry> {
    const { capture, output, folder } = this.#settings;
    const at = captureFolder("command", this.#name);
    if (folder !== undefined) yield { kind: "real", path: join(at, FOLDER), from: folder };
    if (capture === undefined) return;
    const limit = { ms: this.#settings["time-limit"], what: "the capture", source: this.#title, setting: "time-limit" };
    const limited = limitTime(limit, { signal });
    try {
      const call = { tool: capture[0] as string, args: capture.slice(1), variables: this.#settings.variables };
      const content = this.#programs.stream(call, limited);
      const path = join(at, output);
      yield { kind: "file", path, content: atLeast(content, this.#settings["minimum-size"], this.#title) };
    } finally {
      limited.end();
    }
  }

  #facts(startedAtMs: number): CaptureFacts {
    const { capture, folder, output } = this.#settings;
    return {
      consistentAt: new Date(startedAtMs).toISOString(),
      // Whether the program takes care is its own matter; a folder is read as it is.
      consistency: folder === undefined ? "application" : "none",
      tools: {},
      position: {},
      detail: { ...(capture === undefined ? {} : { output }), ...(folder === undefined ? {} : { folder }) },
    };
  }

  async #requireFolder(): Promise<void> {
    const { folder } = this.#settings;
    if (folder === undefined) return;
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) throw sourcesError("SOURCES_SETTINGS", { source: this.#title, reason: `${folder} is no folder` });
  }

  /** @returns what it printed last */
  async #runOn(
    captured: CapturedTree,
    words: readonly string[],
    folder: string,
    options: CallOptions,
  ): Promise<string> {
    const { output } = captured.facts.detail;
    const variables = { ...this.#settings.variables, HOLDFAST_FOLDER: folder };
    const call = { tool: words[0] as string, args: words.slice(1), variables };
    const input = typeof output === "string" ? captured.read(output, options) : undefined;
    // Such programs may print a line for each row or file.
    return lastLineOf(this.#programs.stream(call, { ...options, ...(input === undefined ? {} : { input }) }));
  }
}
