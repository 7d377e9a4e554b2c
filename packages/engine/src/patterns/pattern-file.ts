/** Files of patterns: `--exclude-file`, `--include-file` and their variants that ignore case. */
import { contentLines } from "./text-lines.ts";

/** Value of an environment variable. */
export type Environment = (name: string) => string | undefined;

// A name in braces or bare; a bare special character or digit is a name of its own. The rest is what is no name at all.
const REFERENCE = /\$(?:\{([*#$@!?0-9-])\}|\{([^}]*)\}|(\{)|([*#$@!?0-9-])|(\w+))/g;

/**
 * The patterns of a file: one a line, trimmed, without empty lines and comments, with `$NAME` and `${NAME}` replaced by
 * the environment (an unknown name by nothing) and `$$` by a dollar sign.
 */
export function patternFileLines(bytes: Uint8Array, environment: Environment): string[] {
  return contentLines(bytes).map((line) => expandVariables(line, environment));
}

/**
 * Replaces references as Go's `os.Expand` does; `${}` and an unclosed `${` vanish, a dollar sign before no name stays.
 */
function expandVariables(line: string, environment: Environment): string {
  return line.replace(
    REFERENCE,
    (_, special?: string, braced?: string, unclosed?: string, bareSpecial?: string, bare?: string) => {
      const name = special ?? braced ?? bareSpecial ?? bare ?? "";
      if (unclosed !== undefined || name === "") return "";
      return name === "$" ? "$" : (environment(name) ?? "");
    },
  );
}
