/** `holdfast config check`: reads the configuration and says what it has. */
import { requireConfiguration } from "../configured/read-configuration.ts";
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { plural } from "../output/units.ts";

export const run: RunCommand = async (context) => {
  const { output } = context;
  const { path, repositories, sources } = await requireConfiguration(context);
  if (output.settings.json) {
    const kinds = [...sources.values()].map(({ name, kind }) => ({ name, kind }));
    output.printJson({ message_type: "configuration", path, repositories: [...repositories.keys()], sources: kinds });
    return EXIT.ok;
  }
  output.print(
    `${path} is good: ${plural(repositories.size, "repository", "repositories")}, ${plural(sources.size, "source")}`,
  );
  for (const [name, { location }] of repositories) output.print(`repository ${name}: ${location}`);
  for (const { name, kind } of sources.values()) output.print(`source ${name}: ${kind}`);
  return EXIT.ok;
};
