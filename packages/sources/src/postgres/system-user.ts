/** Users of the system that programs run as. */
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import type { Programs } from "../programs/programs.ts";

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** @param setting the one that names the user, for messages. @throws SOURCES_SETTINGS when there is none of that name */
export async function systemUser(
  name: string,
  setting: string,
  programs: Programs,
  options: CallOptions,
): Promise<SystemUser> {
  // 2: no such user.
  const said = await programs.text({ tool: "getent", args: ["passwd", name], good: [0, 2] }, options);
  const [found, , uid, gid, , home] = said.split("\n")[0]?.split(":") ?? [];
  if (found !== undefined && found !== "" && home !== undefined) {
    return { name: found, uid: Number(uid), gid: Number(gid), home };
  }
  const reason = `the system has no user ${name}, as ${setting} says`;
  throw sourcesError("SOURCES_SETTINGS", { source: programs.options.source, reason });
}

/** What `spawn` is given to become that user. Nothing when we are it already. @throws SOURCES_SETTINGS when we may not */
export function becoming(
  user: SystemUser,
  setting: string,
  source: string,
): { readonly uid: number; readonly gid: number } | undefined {
  const self = process.geteuid?.();
  if (self === user.uid) return undefined;
  if (self === 0) return { uid: user.uid, gid: user.gid };
  const reason = `only root can run programs as ${user.name}, as ${setting} says`;
  throw sourcesError("SOURCES_SETTINGS", { source, reason });
}
