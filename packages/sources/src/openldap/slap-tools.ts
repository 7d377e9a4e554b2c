/** OpenLDAP's own tools, which work on its files. They run as the user whose files these are, so that none becomes root's. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { ProgramCall, Programs } from "../programs/programs.ts";

/** Debian has them where the PATH of ordinary users does not lead. */
const ELSEWHERE = "/usr/sbin";
const HOW = "Install the package slapd, or name the folder with the setting tools.";

/** A folder of cn=config, or a file slapd.conf. */
export interface ConfigPlace {
  readonly path: string;
  readonly isFolder: boolean;
}

export class SlapTools {
  readonly programs: Programs;
  readonly #folder: string | undefined;

  constructor(programs: Programs, folder: string | undefined) {
    this.programs = programs;
    this.#folder = folder;
  }

  /** @throws SOURCES_TOOL_MISSING */
  async find(name: string): Promise<string> {
    if (this.#folder !== undefined) return this.programs.require(join(this.#folder, name), HOW);
    return (await this.programs.find(name)) ?? this.programs.require(join(ELSEWHERE, name), HOW);
  }

  /** A call of one of the tools. @param owner whose user it runs as, if we are root: the owner of that path */
  async call(name: string, args: readonly string[], owner?: string): Promise<ProgramCall> {
    const call = { tool: await this.find(name), args, how: HOW };
    if (owner === undefined || process.getuid?.() !== 0) return call;
    const { uid, gid } = await stat(owner);
    return { ...call, user: { uid, gid } };
  }

  /** @throws SOURCES_TOOL_MISSING */
  async version({ signal }: CallOptions): Promise<string> {
    // It says so to standard error, and ends with 1 or 0 by its version.
    const call = { ...(await this.call("slapd", ["-VV"])), good: [0, 1] };
    const said = await this.programs.text(
      { ...call, tool: "sh", args: ["-c", 'exec "$0" -VV 2>&1', call.tool] },
      { signal },
    );
    return /slapd (\d\S*)/.exec(said)?.[1] ?? "unknown";
  }

  /** @throws SOURCES_UNREACHABLE when it is not there, SOURCES_CREDENTIALS when it may not be read */
  async configAt(path: string): Promise<ConfigPlace> {
    try {
      return { path, isFolder: (await stat(path)).isDirectory() };
    } catch (error) {
      const { source } = this.programs.options;
      const isRefused = ["EACCES", "EPERM"].includes(systemCode(error) ?? "");
      throw sourcesError(
        isRefused ? "SOURCES_CREDENTIALS" : "SOURCES_UNREACHABLE",
        { source, reason: messageOf(error) },
        error,
      );
    }
  }
}

/** How the tools are told of it. */
export function configOption({ path, isFolder }: ConfigPlace): string[] {
  return [isFolder ? "-F" : "-f", path];
}
