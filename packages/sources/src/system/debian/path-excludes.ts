/** Which files of packages dpkg was told not to unpack: `path-exclude` and `path-include` of its configuration. */
import { posix } from "node:path";
import type { SystemFiles } from "../host/system-files.ts";

const FOLDER = "/etc/dpkg/dpkg.cfg.d";

/** A function that is true for paths that dpkg leaves out: the last rule that fits a path decides. */
export async function readPathExcludes(files: SystemFiles): Promise<(path: string) => boolean> {
  const texts = [await files.text("/etc/dpkg/dpkg.cfg")];
  for (const name of await files.names(FOLDER)) texts.push(await files.text(posix.join(FOLDER, name)));
  const rules = texts.flatMap((text) =>
    (text ?? "").split("\n").flatMap((line) => {
      const found = /^\s*path-(exclude|include)[\s=]+(\S+)/.exec(line);
      return found === null ? [] : [{ leavesOut: found[1] === "exclude", pattern: globPattern(found[2] as string) }];
    }),
  );
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.leavesOut === true;
}

/** As dpkg has it: a star stands for slashes too. */
function globPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`)
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
    .replaceAll("[!", "[^");
  try {
    return new RegExp(`^${source}$`, "s");
  } catch {
    return /^(?!)/;
  }
}
