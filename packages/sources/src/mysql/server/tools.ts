/** The programs of MariaDB and MySQL: where they are, which version they have, and as whom they run. */
import { join } from "node:path";
import { findProgram } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { sourcesError } from "../../errors.ts";
import { becoming, systemUser } from "../../host/system-user.ts";
import { withoutVariables } from "../../programs/foreign-variables.ts";
import { Programs } from "../../programs/programs.ts";
import type { MysqlSettings } from "../settings.ts";
import { type ToolNames, type Version, compareVersions, toolVersion } from "./flavour.ts";

/** Where servers lie, to which the PATH of ordinary users does not lead. */
const SERVER_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/libexec";
/** Whoever runs Holdfast may have told other clients where to go by these; what we run must not follow. */
const FOREIGN_VARIABLE = /^(MYSQL|MARIADB|LIBMYSQL)_/;

/** As whom a program runs; `undefined` for ourselves. */
export type RunsAs = { readonly uid: number; readonly gid: number } | undefined;

type ToolSettings = Pick<MysqlSettings, "tools" | "run-as" | "server-user">;

export class Tools {
  readonly programs: Programs;
  readonly source: string;
  readonly #settings: ToolSettings;
  readonly #path: string;

  constructor(source: string, settings: ToolSettings, { environment }: Pick<SourceSurroundings, "environment">) {
    this.source = source;
    this.programs = new Programs({ source, environment: withoutVariables(environment, FOREIGN_VARIABLE) });
    this.#settings = settings;
    const { tools } = settings;
    // A folder that is named is the only one: tools of two installations must not be mixed.
    this.#path =
      tools === undefined
        ? `${environment["PATH"] ?? ""}:${SERVER_FOLDERS}`
        : `${tools}:${join(tools, "../sbin")}:${join(tools, "../scripts")}`;
  }

  /** The path of a tool. @throws SOURCES_TOOL_MISSING */
  async path({ names, how }: ToolNames): Promise<string> {
    for (const name of names) {
      const found = await findProgram(name, this.#path);
      if (found !== undefined) return found;
    }
    throw sourcesError("SOURCES_TOOL_MISSING", { source: this.source, tool: names[0], how });
  }

  /** @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED when it does not say */
  async version(tool: ToolNames, { signal }: CallOptions): Promise<Version> {
    const path = await this.path(tool);
    const said = await this.programs.text(
      // mariadb-backup says it on its standard error. The shell only passes the words on.
      { tool: "sh", args: ["-c", 'exec "$@" 2>&1', "sh", path, "--no-defaults", "--version"], folder: "/" },
      { signal },
    );
    const version = toolVersion(said);
    if (version !== undefined) return version;
    const reason = `it does not say which version it has: ${said.slice(0, 200)}`;
    throw sourcesError("SOURCES_TOOL_FAILED", { tool: path, source: this.source, reason });
  }

  /**
   * The version of a tool that speaks to `server`, which must be of the same make and not older: a dump by an older one lacks, or
   * misreads, what is new. @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_TOO_OLD, SOURCES_UNSUPPORTED
   */
  async versionFor(tool: ToolNames, server: Version, options: CallOptions): Promise<Version> {
    const version = await this.version(tool, options);
    const name = await this.path(tool);
    if (version.product !== server.product) {
      const reason = `${name} is of ${version.product} ${version.text}, and the server is ${server.product} ${server.text}; name the folder of its own tools with the setting tools`;
      throw sourcesError("SOURCES_UNSUPPORTED", { source: this.source, what: `using ${name}`, reason });
    }
    if (compareVersions(version, server) >= 0) return version;
    throw sourcesError("SOURCES_TOOL_TOO_OLD", {
      source: this.source,
      tool: name,
      needed: `${server.major}.${server.minor}`,
      found: version.text,
      how: "Install tools of the server's version, or name their folder with the setting tools.",
    });
  }

  /** As whom tools run; `undefined` for ourselves. @throws SOURCES_SETTINGS when there is no such user, or we may not be it */
  runAs(options: CallOptions): Promise<RunsAs> {
    return this.#user("run-as", options);
  }

  /** As whom private servers run, as they refuse to be root; `undefined` for ourselves. @throws SOURCES_SETTINGS */
  async serverUser(options: CallOptions): Promise<RunsAs> {
    return process.geteuid?.() === 0 ? this.#user("server-user", options) : undefined;
  }

  async #user(setting: "run-as" | "server-user", options: CallOptions): Promise<RunsAs> {
    const name = this.#settings[setting];
    if (name === undefined) return undefined;
    return becoming(await systemUser(name, setting, this.programs, options), setting, this.source);
  }
}
