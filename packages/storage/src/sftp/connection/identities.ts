/** How this machine shows a server who it is: keys of an agent, keys in files, a password from a file; one after the other. */
import { readFile } from "node:fs/promises";
import { messageOf, systemCode } from "@holdfast/base";
import ssh2, { type AnyAuthMethod, type KnownPublicKeys, type ParsedKey } from "ssh2";
import { storageError } from "../../errors.ts";
import type { HostSettings } from "./host-settings.ts";

const { OpenSSHAgent, utils } = ssh2;

/** Ways to log in, in the order in which they are tried, and what stands in the way of others. */
export interface Identities {
  readonly methods: readonly AnyAuthMethod[];
  /** Keys that are there, but of no use: encrypted ones without their passphrase, files that cannot be read. */
  readonly problems: readonly string[];
}

/**
 * Gathers what a host may be shown. A missing file of a key is no problem, as most of them are only looked for.
 * @throws STORAGE_NO_CREDENTIALS when there is nothing at all, STORAGE_FAILED when a file with a secret cannot be read
 */
export async function identitiesFor(host: HostSettings, location: string): Promise<Identities> {
  const problems: string[] = [];
  const methods: AnyAuthMethod[] = [];
  const username = host.user;
  const keys = await keysOf(host, location, problems);
  if (host.agent !== undefined) {
    const only = host.identitiesOnly ? await publicKeysOf(host, keys) : undefined;
    const agent = only === undefined ? host.agent : new ChosenKeysAgent(host.agent, only);
    methods.push({ type: "agent", username, agent });
  }
  for (const key of keys) methods.push({ type: "publickey", username, key });
  if (host.passwordFile !== undefined) {
    methods.push({ type: "password", username, password: await secretIn(host.passwordFile, location) });
  }
  if (methods.length > 0) return { methods, problems };
  throw storageError("STORAGE_NO_CREDENTIALS", {
    location,
    missing: `a key for ${host.user}@${host.host}`,
    how:
      problems.length > 0
        ? problems.join("; ")
        : "Make a key (ssh-keygen -t ed25519) and give it to the server (ssh-copy-id), or name its file with -o sftp.identity-file=FILE.",
  });
}

async function keysOf(host: HostSettings, location: string, problems: string[]): Promise<ParsedKey[]> {
  const passphrase = host.passphraseFile === undefined ? undefined : await secretIn(host.passphraseFile, location);
  const keys: ParsedKey[] = [];
  for (const file of new Set(host.identityFiles)) {
    const text = await readFile(file).catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") problems.push(`${file} cannot be read: ${messageOf(error)}`);
    });
    if (text === undefined) continue;
    const parsed: unknown = utils.parseKey(text, passphrase);
    const key = (Array.isArray(parsed) ? parsed[0] : parsed) as ParsedKey | Error | undefined;
    if (key === undefined || key instanceof Error) problems.push(`${file}: ${keyProblem(key, passphrase)}`);
    else if (!key.isPrivateKey()) problems.push(`${file} is a public key; name the private one`);
    else keys.push(key);
  }
  return keys;
}

/** In our words, as those of the parser may be about bytes of the key. */
function keyProblem(error: Error | undefined, passphrase: string | undefined): string {
  if (error !== undefined && /encrypted|passphrase|decrypt|integrity/i.test(error.message)) {
    return passphrase === undefined
      ? "the key is encrypted; add it to an agent (ssh-add), or name a file with its passphrase by -o sftp.key-passphrase-file=FILE"
      : "the passphrase is not the right one";
  }
  return "no private key of a known kind";
}

/** The public parts of the keys that are configured, whether or not their private files can be used. */
async function publicKeysOf(host: HostSettings, keys: readonly ParsedKey[]): Promise<Set<string>> {
  const known = new Set(keys.map((key) => key.getPublicSSH().toString("base64")));
  for (const file of host.identityFiles) {
    for (const path of [file, `${file}.pub`]) {
      const text = await readFile(path, "latin1").catch(() => "");
      const [, key] = /^[a-z0-9@.-]+ ([A-Za-z0-9+/=]+)/.exec(text) ?? [];
      if (key !== undefined) known.add(key);
    }
  }
  return known;
}

/** An agent of which only some keys are used (`IdentitiesOnly`). */
class ChosenKeysAgent extends OpenSSHAgent {
  readonly #only: ReadonlySet<string>;

  constructor(socket: string, only: ReadonlySet<string>) {
    super(socket);
    this.#only = only;
  }

  override getIdentities(done: (error?: Error, keys?: KnownPublicKeys<ParsedKey>) => void): void {
    super.getIdentities((error?: Error | null, keys?: KnownPublicKeys<ParsedKey>) => {
      if (error !== undefined && error !== null) return done(error);
      done(
        undefined,
        keys?.filter((key) => this.#only.has((key as ParsedKey).getPublicSSH().toString("base64"))),
      );
    });
  }
}

/** The first line of a file. */
async function secretIn(file: string, location: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/\r?\n[^]*$/, "");
  } catch (error) {
    throw storageError("STORAGE_FAILED", { location, reason: `${file} cannot be read: ${messageOf(error)}` }, error);
  }
}
