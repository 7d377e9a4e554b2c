/** What a backup is to store: the arguments, and the lists that `--files-from` and its variants name. */
import { lstatSync, readdirSync } from "node:fs";
import {
  decodePath,
  displayPath,
  expandGlob,
  fsPath,
  parseFileList,
  parseFilePatterns,
  parseRawFileList,
} from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { readGivenFile } from "../values/text-file.ts";

/** The options, in the order in which their paths come. */
const LISTS = [
  { option: "files-from", parse: parseFilePatterns, isPattern: true },
  { option: "files-from-verbatim", parse: parseFileList, isPattern: false },
  { option: "files-from-raw", parse: parseRawFileList, isPattern: false },
] as const;

/** True when a list is to come from standard input. */
export function listsUseStdin({ options }: Pick<CommandContext, "options">): boolean {
  return LISTS.some(({ option }) => options.list(option).includes("-"));
}

/** Paths as given, surrogate-escaped. @throws CLI_FILE_UNREADABLE, ENGINE_FILE_LIST_INVALID, ENGINE_PATTERN_INVALID */
export async function backupTargets(context: CommandContext): Promise<string[]> {
  const targets: string[] = [];
  for (const { option, parse, isPattern } of LISTS) {
    for (const path of context.options.list(option)) {
      const lines = parse(await readGivenFile(path, `the file of --${option}`, context));
      for (const line of lines) targets.push(...(isPattern ? expand(line, context) : [line]));
    }
  }
  return [...targets, ...context.args];
}

function expand(pattern: string, { output }: CommandContext): string[] {
  const paths = expandGlob(pattern, FILES);
  if (paths.length === 0) {
    output.warn(`nothing matches '${displayPath(pattern)}' of --files-from`, { during: "scan", item: pattern });
  }
  return paths;
}

const FILES = {
  exists: (path: string): boolean => {
    try {
      lstatSync(fsPath(path));
      return true;
    } catch {
      return false;
    }
  },
  names: (folder: string): string[] => {
    try {
      return readdirSync(fsPath(folder), { encoding: "buffer" }).map((name) => decodePath(name));
    } catch {
      return [];
    }
  },
};
