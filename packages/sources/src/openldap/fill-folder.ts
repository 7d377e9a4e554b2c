/** Fills a folder with a directory: its configuration in `slapd.d`, and a folder of data for each suffix. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions } from "../contract/source.ts";
import { type LdifEntry, sameName, writeLdif } from "./ldif.ts";
import type { SlapTools } from "./slap-tools.ts";
import { type StoredDatabase, storedConfig, storedDatabases } from "./stored.ts";

export interface Filling extends CallOptions {
  readonly folder: string;
  readonly tools: SlapTools;
  /** What becomes of the configuration. @param directories where each suffix has its data; by `sameName` */
  readonly configure: (config: readonly LdifEntry[], directories: ReadonlyMap<string, string>) => readonly LdifEntry[];
  readonly onStep: (step: string) => void;
}

/** @param folder there already @returns where the configuration is @throws SOURCES_TOOL_FAILED, SOURCES_DAMAGED */
export async function fillFolder(captured: CapturedTree, filling: Filling): Promise<string> {
  const { folder, tools, configure, signal, onStep } = filling;
  const databases = storedDatabases(captured);
  const directories = new Map(databases.map((each) => [sameName(each.suffix), join(folder, directoryOf(each))]));
  const config = join(folder, "slapd.d");
  for (const each of [config, ...directories.values()]) await mkdir(each, { mode: 0o700 });
  onStep("making the configuration");
  const ldif = join(folder, "config.ldif");
  await writeFile(ldif, Buffer.from(writeLdif(configure(await storedConfig(captured, { signal }), directories))), {
    mode: 0o600,
  });
  await tools.programs.text(await tools.call("slapadd", ["-n", "0", "-F", config, "-l", ldif]), { signal });
  for (const { suffix, file, entries } of databases) {
    if (entries === 0) continue;
    onStep(`filling ${suffix}`);
    // Quick, as nobody else is in there yet; and with the state of replication, so that consumers go on from it.
    const call = await tools.call("slapadd", ["-q", "-w", "-F", config, "-b", suffix]);
    await tools.programs.text(call, { signal, input: captured.read(file, { signal }) });
  }
  return config;
}

function directoryOf({ file }: StoredDatabase): string {
  return file.replace(/\.ldif$/, "");
}
