/** How a system is looked at: its files, and where it is the machine that runs, the programs that tell of it. */
import { Programs } from "../../programs/programs.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { withinLimit } from "../../content/time-limit.ts";
import { SystemFiles } from "./system-files.ts";

/** Where programs of administration lie, which the PATH of ordinary users does not name. */
const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

export interface InspectionOptions {
  readonly root: string;
  readonly surroundings: SourceSurroundings;
  /** For messages. */
  readonly source: string;
  readonly commandLimitMs: number;
  readonly signal: AbortSignal;
}

export class Inspection {
  readonly files: SystemFiles;
  /** The machine that runs, and not a system that is mounted somewhere. */
  readonly isLive: boolean;
  readonly signal: AbortSignal;
  readonly temporary: string;
  readonly programs: Programs;
  readonly #options: InspectionOptions;
  readonly #said = new Map<string, string>();

  constructor(options: InspectionOptions) {
    const { root, surroundings, source, signal } = options;
    this.files = new SystemFiles(root);
    this.isLive = this.files.at("/") === "/";
    this.signal = signal;
    this.temporary = surroundings.temporary;
    this.programs = new Programs({ source, environment: withAdministration(surroundings.environment) });
    this.#options = options;
  }

  /**
   * What a program prints, without what ends its lines. @param good exit codes that are no failure
   * @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED, SOURCES_TOO_LONG
   */
  run(tool: string, args: readonly string[], good: readonly number[] = [0]): Promise<string> {
    const { source, commandLimitMs: ms, signal } = this.#options;
    const limit = { ms, what: `the program ${tool}`, source, setting: "command-time-limit" };
    return withinLimit(limit, (inner) => this.programs.text({ tool, args, good }, { signal: inner }), { signal });
  }

  /** What an earlier topic of the report has found; empty when it was not read. */
  said(file: string): string {
    return this.#said.get(file) ?? "";
  }

  remember(file: string, text: string): void {
    this.#said.set(file, text);
  }
}

/** The environment with the folders of administrators in its PATH. */
export function withAdministration(
  environment: SourceSurroundings["environment"],
): Readonly<Record<string, string | undefined>> {
  const path = (environment["PATH"] ?? "").split(":").filter((folder) => folder !== "");
  return { ...environment, PATH: [...path, ...SBIN.filter((folder) => !path.includes(folder))].join(":") };
}
