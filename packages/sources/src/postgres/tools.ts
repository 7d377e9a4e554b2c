/** Finds PostgreSQL's programs in the version that fits a server: several may be installed side by side. */
import { readdir, realpath } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { findProgram } from "@holdfast/base";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { Programs } from "../programs/programs.ts";

/** Where packages put each version: Debian and its kin, Red Hat and its kin. */
const VERSIONED = [
  { parent: "/usr/lib/postgresql", name: /^\d+$/, below: "bin" },
  { parent: "/usr", name: /^pgsql-\d+$/, below: "bin" },
] as const;

/** Programs of one installation. */
export interface PostgresTools {
  readonly folder: string;
  /** As they say it: `15.18`. */
  readonly version: string;
  readonly major: number;
}

export interface ToolsWanted {
  /** That must be there; the first is asked for its version. */
  readonly tools: readonly [string, ...string[]];
  /** A folder that the configuration names: then only that. */
  readonly folder: string | undefined;
  /** The setting that names it, for messages. */
  readonly setting: string;
  /** The server's major version. The same is preferred, then the next newer. */
  readonly major: number | undefined;
}

/** The path of one of them. */
export function toolIn(tools: PostgresTools, name: string): string {
  return join(tools.folder, name);
}

/** @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_TOO_OLD */
export async function findTools(wanted: ToolsWanted, programs: Programs, options: CallOptions): Promise<PostgresTools> {
  const { source, environment } = programs.options;
  const folders = wanted.folder === undefined ? await usualFolders(environment["PATH"] ?? "") : [wanted.folder];
  const found: PostgresTools[] = [];
  let absent: string | undefined;
  for (const folder of folders) {
    const missing = await firstMissing(folder, wanted.tools);
    if (missing === undefined) found.push(await versionOf(folder, wanted.tools[0], programs, options));
    else absent ??= missing;
  }
  if (found.length === 0) {
    const how =
      wanted.folder === undefined
        ? `Install PostgreSQL's programs in the version of the server, or name their folder with the setting ${wanted.setting}.`
        : `The setting ${wanted.setting} names ${wanted.folder}; name the folder that has it, or leave the setting out.`;
    throw sourcesError("SOURCES_TOOL_MISSING", { source, tool: absent ?? wanted.tools[0], how });
  }
  const { major } = wanted;
  // Without a server to fit, the newest: it talks to all older ones.
  const best = found.toSorted((a, b) => (major === undefined ? b.major - a.major : a.major - b.major));
  const fitting = best.find((each) => major === undefined || each.major >= major);
  if (fitting !== undefined) return fitting;
  throw sourcesError("SOURCES_TOOL_TOO_OLD", {
    source,
    tool: wanted.tools[0],
    needed: String(major),
    found: [...new Set(best.map(({ version }) => version))].join(", "),
    how: `Install PostgreSQL's programs of version ${major}, or name their folder with the setting ${wanted.setting}.`,
  });
}

async function usualFolders(path: string): Promise<string[]> {
  const folders: string[] = [];
  for (const { parent, name, below } of VERSIONED) {
    const names = await readdir(parent).catch(() => []);
    folders.push(...names.filter((each) => name.test(each)).map((each) => join(parent, each, below)));
  }
  for (const folder of path.split(delimiter).filter(isAbsolute)) {
    // Debian's wrapper runs a version of its own choice; the versions themselves are found above.
    const psql = await realpath(join(folder, "psql")).catch(() => "");
    if (!psql.endsWith("/pg_wrapper")) folders.push(folder);
  }
  return [...new Set(folders)];
}

async function firstMissing(folder: string, tools: readonly string[]): Promise<string | undefined> {
  for (const tool of tools) if ((await findProgram(tool, folder)) === undefined) return tool;
  return undefined;
}

async function versionOf(
  folder: string,
  tool: string,
  programs: Programs,
  options: CallOptions,
): Promise<PostgresTools> {
  const said = await programs.text({ tool: join(folder, tool), args: ["--version"] }, options);
  const version = /\(PostgreSQL\) (\d+[^\s]*)/.exec(said)?.[1];
  if (version !== undefined) return { folder, version, major: Number.parseInt(version, 10) };
  const reason = `it says that its version is ${said.trim().slice(0, 100)}`;
  throw sourcesError("SOURCES_TOOL_FAILED", { source: programs.options.source, tool, reason });
}
