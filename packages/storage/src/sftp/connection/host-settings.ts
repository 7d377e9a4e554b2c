/** Everything that is to be known of a host before it is called: from the address, from options, and from ssh's configuration. */
import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { storageError } from "../../errors.ts";
import type { Surroundings } from "../../location.ts";
import { type HostAddress, parseHost } from "../../host-address.ts";
import { type SshDirectives, inHome, sshDirectives } from "./ssh-config.ts";

export interface HostSettings {
  /** Where to connect to. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Under which name its key is known. */
  readonly keyName: string;
  readonly knownHostsFiles: readonly string[];
  /** The file for keys that are taken on trust; `undefined` when none are. */
  readonly newHostsFile: string | undefined;
  /** The only key that is trusted, whatever the files say: `SHA256:…`. */
  readonly fingerprint: string | undefined;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** The socket of the agent. */
  readonly agent: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly passwordFile: string | undefined;
  readonly family: 0 | 4 | 6;
  readonly bindAddress: string | undefined;
  readonly connectMs: number;
  readonly aliveMs: number;
  readonly aliveCount: number;
  /** Hosts to go through, the nearest first. */
  readonly jumps: readonly HostSettings[];
}

const SYSTEM_CONFIG = "/etc/ssh/ssh_config";
const SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2";
const USER_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2";
const USER_KEYS = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];
const MOST_JUMPS = 8;

/**
 * @param location for messages
 * @throws STORAGE_INVALID_OPTION, STORAGE_FAILED when a file of configuration cannot be used or asks for what is not supported
 */
export async function hostSettings(
  address: HostAddress,
  surroundings: Surroundings,
  location: string,
): Promise<HostSettings> {
  return settingsOf(address, { surroundings, location, isJump: false, depth: 0 });
}

interface Asking {
  readonly surroundings: Surroundings;
  readonly location: string;
  readonly isJump: boolean;
  readonly depth: number;
}

async function settingsOf(address: HostAddress, asking: Asking): Promise<HostSettings> {
  const { surroundings, location, isJump } = asking;
  const { home } = surroundings;
  const localUser = userInfo().username;
  const directives = await sshDirectives(configFiles(surroundings), {
    alias: address.host,
    user: address.user,
    localUser,
    home,
  });
  // What is asked for this place is not meant for the hosts on the way.
  const option = (name: string): string | undefined => (isJump ? undefined : surroundings.option(name));
  const first = (name: string): string | undefined => directives.get(name)?.[0];
  if (option("sftp.jump") === undefined) refuseCommand(directives, location);
  const host = (first("hostname") ?? address.host).replaceAll("%h", address.host).replaceAll("%%", "%");
  const port = address.port ?? wholeNumber(first("port"), "Port", location) ?? 22;
  const user = address.user ?? first("user") ?? localUser;
  const tokens = new Map([
    ["%", "%"],
    ["d", home],
    ["h", host],
    ["n", address.host],
    ["p", String(port)],
    ["r", user],
    ["u", localUser],
  ]);
  const path = (text: string): string => expandPath(text, tokens, surroundings);
  const files = (text: string): string[] => text.split(/\s+/).map(path).filter(isAbsolute);
  const userFiles = filesOf(directives.get("userknownhostsfile"), USER_KNOWN_HOSTS, files);
  const chosenKey = option("sftp.identity-file");
  const ownKeys = directives.get("identityfile") ?? USER_KEYS;
  const seconds = (name: string, text: string): number | undefined => wholeNumber(first(text), name, location);
  return {
    host,
    port,
    user,
    keyName: first("hostkeyalias") ?? host,
    knownHostsFiles: [...userFiles, ...filesOf(directives.get("globalknownhostsfile"), SYSTEM_KNOWN_HOSTS, files)],
    newHostsFile: takesNewKeys(option("sftp.strict-host-key-checking") ?? first("stricthostkeychecking"), location)
      ? userFiles[0]
      : undefined,
    fingerprint: option("sftp.host-key"),
    identityFiles: (chosenKey === undefined ? ownKeys : [chosenKey, ...ownKeys])
      .filter((text) => text !== "none")
      .map(path),
    identitiesOnly: first("identitiesonly")?.toLowerCase() === "yes",
    agent: agentOf(first("identityagent"), surroundings, path),
    passphraseFile: surroundings.option("sftp.key-passphrase-file"),
    passwordFile: option("sftp.password-file"),
    family: ({ inet: 4, inet6: 6 } as const)[first("addressfamily")?.toLowerCase() ?? ""] ?? 0,
    bindAddress: first("bindaddress"),
    connectMs: (seconds("ConnectTimeout", "connecttimeout") ?? 60) * 1000,
    aliveMs: (seconds("ServerAliveInterval", "serveraliveinterval") ?? 15) * 1000,
    aliveCount: seconds("ServerAliveCountMax", "serveralivecountmax") ?? 3,
    jumps: await jumpsOf(option("sftp.jump") ?? first("proxyjump"), asking),
  };
}

/** The first jump goes by its own configuration, also by its own jumps; the way to the others is the one before. */
async function jumpsOf(text: string | undefined, asking: Asking): Promise<HostSettings[]> {
  if (text === undefined || text.toLowerCase() === "none") return [];
  if (asking.depth >= MOST_JUMPS) {
    const reason = "the jump hosts of ssh's configuration (ProxyJump) lead in a circle";
    throw storageError("STORAGE_FAILED", { location: asking.location, reason });
  }
  const jumps: HostSettings[] = [];
  for (const [index, part] of text.split(",").entries()) {
    const address = parseHost(part.trim().replace(/^ssh:\/\//, ""));
    if (address === undefined) {
      const reason = `'${part.trim()}' is no jump host; write user@host:port`;
      throw storageError("STORAGE_FAILED", { location: asking.location, reason });
    }
    const jump = await settingsOf(address, { ...asking, isJump: true, depth: asking.depth + 1 });
    if (index === 0) jumps.push(...jump.jumps);
    jumps.push({ ...jump, jumps: [] });
  }
  return jumps;
}

function configFiles(surroundings: Surroundings): { path: string; includesFrom: string }[] {
  const { home } = surroundings;
  const chosen = surroundings.option("sftp.config");
  if (chosen === "none") return [];
  const own = {
    path: chosen === undefined ? join(home, ".ssh/config") : inHome(chosen, home),
    includesFrom: join(home, ".ssh"),
  };
  return chosen === undefined ? [own, { path: SYSTEM_CONFIG, includesFrom: "/etc/ssh" }] : [own];
}

/** What would lead to another host must not be passed over in silence. Of a jump and a command, ssh takes the one that comes first. */
function refuseCommand(directives: SshDirectives, location: string): void {
  const [way] = [...directives.keys()].filter((name) => name === "proxycommand" || name === "proxyjump");
  if (way !== "proxycommand" || directives.get("proxycommand")?.[0]?.toLowerCase() === "none") return;
  const reason =
    "ssh's configuration sets ProxyCommand for this host, which is not supported: use ProxyJump, or let the system's ssh connect (-o sftp.args=-4, for example)";
  throw storageError("STORAGE_FAILED", { location, reason });
}

function takesNewKeys(text: string | undefined, location: string): boolean {
  switch (text?.toLowerCase()) {
    case undefined:
    case "yes":
    case "ask":
      return false;
    case "accept-new":
    case "no":
    case "off":
      return true;
    default: {
      const reason = `StrictHostKeyChecking does not understand '${text}'`;
      throw storageError("STORAGE_FAILED", { location, reason });
    }
  }
}

function agentOf(
  text: string | undefined,
  surroundings: Surroundings,
  path: (text: string) => string,
): string | undefined {
  if (text?.toLowerCase() === "none") return undefined;
  if (text === undefined || text === "SSH_AUTH_SOCK") return surroundings.variable("SSH_AUTH_SOCK");
  return text.startsWith("$") && !text.startsWith("${") ? surroundings.variable(text.slice(1)) : path(text);
}

function filesOf(
  values: readonly string[] | undefined,
  otherwise: string,
  files: (text: string) => string[],
): string[] {
  const given = values ?? [otherwise];
  return given[0]?.toLowerCase() === "none" ? [] : given.flatMap(files);
}

/** `~`, `%` tokens and `${VARIABLE}`, as ssh replaces them. */
function expandPath(text: string, tokens: ReadonlyMap<string, string>, surroundings: Surroundings): string {
  const expanded = text
    .replace(/\$\{(\w+)\}/g, (_, name: string) => surroundings.variable(name) ?? "")
    .replace(/%(.)/g, (whole, token: string) => tokens.get(token) ?? whole);
  const path = inHome(expanded, surroundings.home);
  return isAbsolute(path) ? path : join(surroundings.home, ".ssh", path);
}

function wholeNumber(text: string | undefined, name: string, location: string): number | undefined {
  if (text === undefined || text.toLowerCase() === "none") return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw storageError("STORAGE_FAILED", {
    location,
    reason: `${name} of ssh's configuration does not understand '${text}'`,
  });
}
