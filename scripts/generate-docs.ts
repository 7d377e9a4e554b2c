// Writes the pages of `docs/` that are made from the code: `npm run docs`. A test in `test/house/` fails when they are out of date.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandsPage } from "./document-commands.ts";
import { configurationPage } from "./document-configuration.ts";
import { errorsPage } from "./document-errors.ts";
import { root } from "./workspace.ts";

/** The generated pages of the repository at `folder`, by their paths. */
export async function generatedPages(folder: string): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["docs/cli.md", await commandsPage(folder)],
    ["docs/configuration.md", await configurationPage(folder)],
    ["docs/errors.md", await errorsPage(folder)],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await generatedPages(root)) {
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
