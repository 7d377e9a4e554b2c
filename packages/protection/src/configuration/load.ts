/** Finds and reads the configuration of a run. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { protectionError } from "../errors.ts";
import { parseConfiguration } from "./parse.ts";
import type { Configuration } from "./schema.ts";

const NAME = "holdfast.yaml";
const MAX_BYTES = 4 * 1024 * 1024;
const WRITABLE_BY_OTHERS = 0o022;

export interface ConfigurationPlaces {
  /** Named by the user: it must be there. */
  readonly named: string | undefined;
  readonly home: string;
  /** Looks up the environment; `XDG_CONFIG_HOME` counts when absolute. */
  readonly variable: (name: string) => string | undefined;
}

/**
 * The configuration that was named, or that of this user, or that of the machine; `undefined` when there is none. What lies in the
 * working folder does not count: it may be somebody else's, and a configuration names programs to run.
 * @throws PROTECTION_CONFIG_UNREADABLE, PROTECTION_CONFIG_EXPOSED, PROTECTION_CONFIG_INVALID
 */
export async function loadConfiguration({
  named,
  home,
  variable,
}: ConfigurationPlaces): Promise<Configuration | undefined> {
  if (named !== undefined) return read(resolve(named), { mustExist: true });
  const own = variable("XDG_CONFIG_HOME");
  const folder = own?.startsWith("/") === true ? own : join(home, ".config");
  for (const path of [join(folder, "holdfast", NAME), join("/etc/holdfast", NAME)]) {
    const found = await read(path, { mustExist: false });
    if (found !== undefined) return found;
  }
  return undefined;
}

async function read(path: string, { mustExist }: { mustExist: boolean }): Promise<Configuration | undefined> {
  const unreadable = (reason: string, cause?: unknown): Error =>
    protectionError("PROTECTION_CONFIG_UNREADABLE", { path, reason }, cause);
  let text: string;
  try {
    // Not waited for: a pipe in its place would never open.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      const { uid, mode, size } = stat;
      if (!stat.isFile()) throw unreadable("it is no file");
      if (size > MAX_BYTES) throw unreadable(`it has more than ${MAX_BYTES} bytes`);
      const isOurs = uid === 0 || uid === process.getuid?.();
      if (!isOurs || (mode & WRITABLE_BY_OTHERS) !== 0) {
        throw protectionError("PROTECTION_CONFIG_EXPOSED", { path, owner: uid, mode: (mode & 0o777).toString(8) });
      }
      text = new TextDecoder("utf-8", { fatal: true }).decode(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "kind" in error) throw error;
    if (systemCode(error) === "ENOENT" && !mustExist) return undefined;
    throw unreadable(messageOf(error), error);
  }
  return parseConfiguration(text, path);
}
