/** `holdfast config schema`: the JSON Schema of the configuration, for editors. */
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";

export const run: RunCommand = async ({ output }) => {
  const { configurationJsonSchema } = await import("@holdfast/protection/configured");
  output.print(JSON.stringify(configurationJsonSchema(), null, 2));
  return EXIT.ok;
};
