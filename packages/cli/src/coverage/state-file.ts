/** What `holdfast coverage` remembers from one time to the next. It is a help: a file that is gone or damaged is a first time. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { messageOf } from "@holdfast/base";
import { decodeLastTimes, encodeLastTimes } from "@holdfast/protection/configured";
import type { CommandContext } from "../context.ts";

type LastTimes = NonNullable<ReturnType<typeof decodeLastTimes>>;

/** Where it lies: for root a place of the machine, unless XDG_STATE_HOME says otherwise. */
export function stateFile({ variables }: Pick<CommandContext, "variables">): string {
  const named = variables.plain("XDG_STATE_HOME");
  if (named?.startsWith("/") === true) return join(named, "holdfast", "coverage.json");
  return process.getuid?.() === 0
    ? "/var/lib/holdfast/coverage.json"
    : join(homedir(), ".local/state/holdfast/coverage.json");
}

/** Nothing when there is no such file, or none that can be understood. */
export async function readState(path: string): Promise<LastTimes> {
  try {
    return decodeLastTimes(await readFile(path, "utf8")) ?? new Map();
  } catch {
    return new Map();
  }
}

/** Puts it in the place of what was there, in one step; what fails is a warning. */
export async function writeState(
  path: string,
  times: LastTimes,
  { output }: Pick<CommandContext, "output">,
): Promise<void> {
  const temporary = `${path}-${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(encodeLastTimes(times));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    output.warn(
      `what is there now cannot be remembered in ${path}, so that next time nothing is marked as new: ${messageOf(error)}`,
      { during: "coverage", item: path },
    );
  }
}
