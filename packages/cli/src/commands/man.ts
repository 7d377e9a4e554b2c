/** `holdfast man`: prints or writes the manual pages. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import type { RunCommand } from "../context.ts";
import { findCommand } from "../definitions/find-command.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { manPage, manPages } from "../man-page.ts";
import { plural } from "../output/units.ts";
import { programVersion } from "../version.ts";

export const run: RunCommand = async ({ program, args, options, output, signal }) => {
  if (findCommand(program, args) === undefined) {
    throw cliError("CLI_USAGE", { problem: `there is no command '${args.join(" ")}'`, help: "holdfast help" });
  }
  const folder = options.text("out");
  if (folder === undefined) {
    output.print(manPage(program, args, programVersion()).trimEnd());
    return EXIT.ok;
  }
  const pages = manPages(program, programVersion());
  try {
    await mkdir(folder, { recursive: true });
    for (const { file, text } of pages) await writeFile(join(folder, file), text, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw cliError("CLI_WRITE_FAILED", { path: folder, reason: messageOf(error) }, error);
  }
  output.message(`wrote ${plural(pages.length, "page")} to ${folder}`);
  return EXIT.ok;
};
