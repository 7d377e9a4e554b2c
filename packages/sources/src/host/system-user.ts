/** Users of this system, as whom programs run when we are root. */
import { sourcesError } from "../errors.ts";
import type { CallOptions } from "../contract/source.ts";
import type { Programs } from "../programs/programs.ts";

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** @throws SOURCES_SETTINGS when there is none of this name */
export async function requireSystemUser(programs: Programs, name: string, options: CallOptions): Promise<SystemUser> {
  // Asks the name service of the system, which knows more than /etc/passwd. An exit code of 1 says that there is none.
  const ask = (what: string): Promise<string> =>
    programs.text({ tool: "id", args: [what, "--", name], good: [0, 1] }, options);
  const [uid, gid] = [(await ask("-u")).trim(), (await ask("-g")).trim()];
  if (uid !== "" && gid !== "") return { name, uid: Number(uid), gid: Number(gid) };
  throw sourcesError("SOURCES_SETTINGS", {
    source: programs.options.source,
    reason: `this system has no user ${name}`,
  });
}
