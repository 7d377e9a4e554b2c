/** `holdfast version`: what runs here. */
import type { RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { programVersion } from "../version.ts";

export const run: RunCommand = async ({ output }) => {
  const version = programVersion();
  const { json, verbosity } = output.settings;
  const { platform, arch, versions } = process;
  if (!json) output.print(`holdfast ${version}`);
  if (!json && verbosity === 0) return EXIT.ok;
  // The engine is only asked when its answer is wanted: the plain version shall come at once.
  const { zstdProvider } = await import("@holdfast/engine");
  const facts = { node: versions.node, zstd: zstdProvider(), platform: `${platform}-${arch}` };
  if (json) output.printJson({ message_type: "version", version, ...facts });
  else output.print(`node ${facts.node}, zstd ${facts.zstd}, ${facts.platform}`);
  return EXIT.ok;
};
