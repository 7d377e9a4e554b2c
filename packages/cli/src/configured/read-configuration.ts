/** The configuration of a run. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Configuration } from "@holdfast/protection/configured";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";

type Context = Pick<CommandContext, "options" | "variables">;

/** What --config or its variable names, or the usual places; `undefined` when there is none. @throws as `loadConfiguration` */
export async function findConfiguration(context: Context): Promise<Configuration | undefined> {
  const { options, variables } = context;
  if (!mayHaveOne(context)) return undefined;
  const { loadConfiguration } = await import("@holdfast/protection/configured");
  return loadConfiguration({
    named: options.text("config"),
    home: homedir(),
    variable: (name) => variables.plain(name),
  });
}

/** Whether there is a file at all: to load what reads it takes time, which a command without one should not take. */
function mayHaveOne({ options, variables }: Context): boolean {
  if (options.text("config") !== undefined) return true;
  const own = variables.plain("XDG_CONFIG_HOME");
  const folder = own?.startsWith("/") === true ? own : join(homedir(), ".config");
  return existsSync(join(folder, "holdfast/holdfast.yaml")) || existsSync("/etc/holdfast/holdfast.yaml");
}

/** @throws CLI_NO_CONFIGURATION, and as `findConfiguration` */
export async function requireConfiguration(context: Context): Promise<Configuration> {
  const found = await findConfiguration(context);
  if (found === undefined) throw cliError("CLI_NO_CONFIGURATION");
  return found;
}
