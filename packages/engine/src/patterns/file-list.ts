/** Lists of what to back up: `--files-from`, `--files-from-verbatim` and `--files-from-raw`. */
import { engineError } from "../errors.ts";
import { decodePath } from "../filesystem/path-bytes.ts";
import { contentLines, textLines } from "./text-lines.ts";

/** `--files-from`: patterns, one a line, trimmed, without empty lines and comments. See `expandGlob`. */
export function parseFilePatterns(bytes: Uint8Array): string[] {
  return contentLines(bytes);
}

/** `--files-from-verbatim`: paths, one a line, as they stand; empty lines do not count. */
export function parseFileList(bytes: Uint8Array): string[] {
  return textLines(bytes).filter((line) => line !== "");
}

/**
 * `--files-from-raw`: paths, each followed by a NUL, as `find -print0` writes them.
 *
 * @throws ENGINE_FILE_LIST_INVALID for an empty path or a missing NUL at the end, which hints at a list cut short
 */
export function parseRawFileList(bytes: Uint8Array): string[] {
  const paths: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0, at);
    if (end < 0) throw engineError("ENGINE_FILE_LIST_INVALID", { reason: "it does not end with a NUL byte" });
    if (end === at) throw engineError("ENGINE_FILE_LIST_INVALID", { reason: "it holds an empty path" });
    paths.push(decodePath(bytes.subarray(at, end)));
    at = end + 1;
  }
  return paths;
}
