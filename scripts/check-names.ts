// The name gate: `node scripts/check-names.ts`. Files and folders of the source are named for what they hold, in kebab-case;
// drawers for leftovers are not allowed.
import { ownFiles, root } from "./workspace.ts";

const DRAWERS = /^(common|misc|core|shared)$|(^|-)(utils?|helpers?|managers?)(-|$)/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** One line for each badly named file of the repository at `folder`. */
export function checkNames(folder: string): { readonly files: number; readonly problems: readonly string[] } {
  const files = ownFiles(folder, "{packages/*/{bin,src,test},scripts,test,bench,docs}/**/*.*");
  const problems = files.flatMap((path) => {
    const words = path.split("/").map((part) => part.replace(/\..*$/, ""));
    const drawer = words.find((word) => DRAWERS.test(word));
    if (drawer !== undefined) return [`${path}: '${drawer}' does not say what it holds`];
    const odd = words.find((word) => !KEBAB_CASE.test(word));
    return odd === undefined ? [] : [`${path}: '${odd}' is not in kebab-case`];
  });
  return { files: files.length, problems };
}

if (import.meta.main) {
  const { files, problems } = checkNames(root);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(`names: ${files} files, ${problems.length} problems\n`);
  if (problems.length > 0 || files === 0) process.exitCode = 1;
}
