/** Arguments as exact bytes. Node decodes them as UTF-8 and so loses names that are not; Linux still knows them. */
import { readFileSync } from "node:fs";

const REPLACEMENT = "\u{fffd}";

/** The arguments, with bytes that are not UTF-8 as surrogate escapes. Unchanged where the system does not tell them. */
export async function exactArguments(argv: readonly string[]): Promise<readonly string[]> {
  if (!argv.some((word) => word.includes(REPLACEMENT))) return argv;
  const { decodePath } = await import("@holdfast/engine");
  try {
    return decodeArguments(argv, readFileSync("/proc/self/cmdline"), decodePath);
  } catch {
    // Not Linux, or /proc is not mounted: what Node made of them has to do.
    return argv;
  }
}

/** @param commandLine the words of the whole command line, each ended by a NUL byte; ours are the last ones */
function decodeArguments(
  argv: readonly string[],
  commandLine: Buffer,
  decode: (bytes: Uint8Array) => string,
): readonly string[] {
  const words: Buffer[] = [];
  for (let at = 0, end = commandLine.indexOf(0); end >= 0; at = end + 1, end = commandLine.indexOf(0, at)) {
    words.push(commandLine.subarray(at, end));
  }
  const own = words.slice(-argv.length);
  const isSame = argv.every((word, at) => own[at]?.toString("utf8") === word);
  return isSame ? own.map(decode) : argv;
}
