/** Folders on SFTP servers, as restic writes them. */
import { posix } from "node:path";
import type { Backend } from "../backend.ts";
import { storageError } from "../errors.ts";
import type { Location, Surroundings } from "../location.ts";
import { commandOption, wholeNumberOption } from "../options.ts";
import { type HostAddress, parseHost } from "../host-address.ts";

const DEFAULT_CHANNELS = 5;
const DEFAULT_IDLE_SECONDS = 300;
/** The example of every message. */
const FORMS = "write sftp:user@host:/path, or sftp://user@host:port//path";

/** A folder on a server. */
interface Target extends HostAddress {
  readonly path: string;
}

/**
 * What follows `sftp:`. `user@host:/path` and `user@host:path` (relative to the folder that the user starts in), or as a URL
 * `//user@host:port//path` and `//user@host:port/path`.
 * @throws STORAGE_INVALID_LOCATION, which repeats no password
 */
export function sftpLocation(rest: string): Location {
  const target = rest.startsWith("//") ? fromUrl(rest) : fromWords(rest);
  const shown = shownOf(target);
  return { scheme: "sftp", shown, open: (surroundings) => open(target, shown, surroundings) };
}

async function open(target: Target, location: string, surroundings: Surroundings): Promise<Backend> {
  const channels = wholeNumberOption("sftp.connections", surroundings, { least: 1, most: 64 });
  const seconds = wholeNumberOption("sftp.timeout", surroundings, { least: 1, most: 86_400 });
  const maxChannels = channels ?? DEFAULT_CHANNELS;
  const idleMs = (seconds ?? DEFAULT_IDLE_SECONDS) * 1000;
  const words = commandWords(target, surroundings);
  const { SftpBackend } = await import("./sftp-backend.ts");
  const root = target.path;
  if (words !== undefined) {
    const { connectByCommand } = await import("./connection/command-connection.ts");
    const connector = async () => connectByCommand(words, location);
    return new SftpBackend({ location, root, connector, maxChannels: 1, idleMs });
  }
  const { hostSettings } = await import("./connection/host-settings.ts");
  const settings = await hostSettings(target, surroundings, location);
  const { connectBySsh } = await import("./connection/ssh-connection.ts");
  const connector = (options: { signal: AbortSignal }) => connectBySsh(settings, location, options);
  return new SftpBackend({ location, root, connector, maxChannels, idleMs });
}

/** The program to run, when one is asked for. */
function commandWords({ host, user, port }: Target, surroundings: Surroundings): readonly string[] | undefined {
  const command = surroundings.option("sftp.command");
  const args = surroundings.option("sftp.args");
  if (command !== undefined) {
    if (args !== undefined) {
      const expected = "sftp.command names the whole command already; give one of the two";
      throw storageError("STORAGE_INVALID_OPTION", { option: "sftp.args", value: args, expected });
    }
    const words = commandOption("sftp.command", command);
    if (words.length > 0) return words;
    const expected = "name a program that speaks SFTP on its standard input and output";
    throw storageError("STORAGE_INVALID_OPTION", { option: "sftp.command", value: command, expected });
  }
  if (args === undefined) return undefined;
  const where = [...(port === undefined ? [] : ["-p", String(port)]), ...(user === undefined ? [] : ["-l", user])];
  return ["ssh", ...where, ...commandOption("sftp.args", args), "-s", "--", host, "sftp"];
}

function fromUrl(rest: string): Target {
  const refuse = (reason: string): Error => storageError("STORAGE_INVALID_LOCATION", { location: "sftp:…", reason });
  const match = /^\/\/([^/]*)(?:\/(.*))?$/.exec(rest);
  const address = match?.[1] ?? "";
  const at = address.lastIndexOf("@");
  const encodedUser = at === -1 ? undefined : address.slice(0, at);
  if (encodedUser?.includes(":") === true)
    throw refuse("no password stands in an address; use a key, or -o sftp.password-file=FILE");
  const host = parseHost(address.slice(at + 1));
  if (host === undefined || host.user !== undefined) throw refuse(FORMS);
  try {
    const user = encodedUser === undefined ? undefined : decodeURIComponent(encodedUser);
    return { ...host, user, path: checkedPath(decodeURIComponent(match?.[2] ?? ""), refuse) };
  } catch (error) {
    if (error instanceof URIError) throw refuse("a % in a URL stands before two hex digits");
    throw error;
  }
}

function fromWords(rest: string): Target {
  const refuse = (reason: string): Error => storageError("STORAGE_INVALID_LOCATION", { location: "sftp:…", reason });
  const match = /^((?:[^:[\]]*@)?(?:\[[^\]]*\]|[^:[\]]*)):([^]*)$/.exec(rest);
  const host = parseHost(match?.[1] ?? "");
  if (host === undefined) throw refuse(FORMS);
  return { ...host, path: checkedPath(match?.[2] ?? "", refuse) };
}

/** Without a slash at its end; relative paths start with `./` so that no name can be taken for something else. */
function checkedPath(text: string, refuse: (reason: string) => Error): string {
  if (text === "") throw refuse(FORMS);
  if (text.includes("\0")) throw refuse("a path has no NUL");
  if (text.startsWith("~"))
    throw refuse("servers know no ~; a path without a slash at its front is relative to the user's folder");
  const path = posix.normalize(text);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** As an address of restic, whichever form was given. */
function shownOf({ host, user, port, path }: Target): string {
  const name = host.includes(":") ? `[${host}]` : host;
  const who = user === undefined ? name : `${user}@${name}`;
  return port === undefined ? `sftp:${who}:${path}` : `sftp://${who}:${port}/${path}`;
}
