/** Topics about who may use a system: users and groups, and whether they have a password. No password, also no hash, is in them. */
import type { Inspection } from "../host/inspection.ts";
import { joinLines, linesOf, withoutComments } from "./normalise.ts";
import type { Topic } from "./topic.ts";

export const USERS = "users.txt";
export const GROUPS = "groups.txt";

export const ACCOUNT_TOPICS: readonly Topic[] = [
  {
    file: USERS,
    about: "users, as in passwd; the second field is the state of the password",
    reads: { look: users },
    isVital: true,
  },
  { file: GROUPS, about: "groups, as in group", reads: { look: groups }, isVital: true },
  {
    file: "subordinate-ids.txt",
    about: "ranges of ids for containers",
    reads: { files: ["/etc/subuid", "/etc/subgid"], normalise: withoutComments },
    isVital: false,
  },
  { file: "sudoers.txt", about: "who may act as root", reads: { look: sudoers }, isVital: true },
];

async function users({ files }: Inspection): Promise<string | undefined> {
  const passwd = await files.text("/etc/passwd");
  if (passwd === undefined) return undefined;
  const states = await passwordStates(files);
  const lines = linesOf(passwd).flatMap((line) => {
    const fields = line.split(":");
    if (fields.length !== 7) return [];
    fields[1] = states?.get(fields[0] as string) ?? "unknown";
    return [fields.join(":")];
  });
  // In their own order: of several with one id, programs take the first.
  return joinLines(lines);
}

/** `undefined` when this process may not know. */
async function passwordStates(files: Inspection["files"]): Promise<Map<string, string> | undefined> {
  const shadow = await files.text("/etc/shadow").catch(() => undefined);
  if (shadow === undefined) return undefined;
  return new Map(
    linesOf(shadow).map((line): [string, string] => {
      const [name = "", hash = ""] = line.split(":");
      return [name, hash === "" ? "none" : /^[!*]/.test(hash) ? "locked" : "password"];
    }),
  );
}

async function groups({ files }: Inspection): Promise<string | undefined> {
  const group = await files.text("/etc/group");
  if (group === undefined) return undefined;
  const lines = linesOf(group).flatMap((line) => {
    const [name = "", , gid = "", members = ""] = line.split(":");
    return /^\d+$/.test(gid) ? [`${name}:x:${gid}:${members}`] : [];
  });
  return joinLines(lines);
}

async function sudoers({ files }: Inspection): Promise<string | undefined> {
  const paths = ["/etc/sudoers", ...(await files.names("/etc/sudoers.d")).map((name) => `/etc/sudoers.d/${name}`)];
  const lines: string[] = [];
  for (const path of paths) {
    const text = withoutComments((await files.text(path)) ?? "");
    lines.push(...linesOf(text).map((line) => `${path}: ${line}`));
  }
  return joinLines(lines);
}
