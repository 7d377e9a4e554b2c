/** Whether a server is the one that it should be. */
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { storageError } from "../../errors.ts";
import type { HostSettings } from "./host-settings.ts";
import { KnownHosts, fingerprintOf, keyTypeOf, knownHostLine } from "./known-hosts.ts";

/** Algorithms by the type of key that they prove. */
const ALGORITHMS: readonly (readonly [keyType: string, algorithms: readonly string[]])[] = [
  ["ssh-ed25519", ["ssh-ed25519"]],
  ["ecdsa-sha2-nistp256", ["ecdsa-sha2-nistp256"]],
  ["ecdsa-sha2-nistp384", ["ecdsa-sha2-nistp384"]],
  ["ecdsa-sha2-nistp521", ["ecdsa-sha2-nistp521"]],
  ["ssh-rsa", ["rsa-sha2-512", "rsa-sha2-256"]],
];

export class HostKeys {
  readonly #host: HostSettings;
  readonly #location: string;
  readonly #known: KnownHosts;

  private constructor(host: HostSettings, location: string, known: KnownHosts) {
    this.#host = host;
    this.#location = location;
    this.#known = known;
  }

  /** Reads the files with the keys that are known. @throws STORAGE_FAILED when one is there but cannot be read */
  static async of(host: HostSettings, location: string): Promise<HostKeys> {
    const texts: string[] = [];
    for (const file of host.knownHostsFiles) {
      try {
        texts.push(await readFile(file, "utf8"));
      } catch (error) {
        if (systemCode(error) === "ENOENT") continue;
        throw storageError(
          "STORAGE_FAILED",
          { location, reason: `${file} cannot be read: ${messageOf(error)}` },
          error,
        );
      }
    }
    return new HostKeys(host, location, new KnownHosts(...texts));
  }

  /** What to offer the server: first what it can prove a known key with, as a key of another type would look unknown. */
  get algorithms(): readonly string[] {
    const known = new Set(this.#known.keyTypes(this.#host.keyName, this.#host.port));
    const isKnown = ([keyType]: (typeof ALGORITHMS)[number]): boolean => known.has(keyType);
    const ordered = [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((row) => !isKnown(row))];
    return ordered.flatMap(([, algorithms]) => algorithms);
  }

  /**
   * Judges the key that the server has shown.
   * @throws STORAGE_UNTRUSTED
   */
  async verify(key: Uint8Array): Promise<void> {
    const { keyName, port, fingerprint } = this.#host;
    const shown = `${keyTypeOf(key)} ${fingerprintOf(key)}`;
    if (fingerprint !== undefined) {
      if (fingerprint === fingerprintOf(key)) return;
      throw this.#untrusted(
        `its host key is ${shown}, and not the one of -o sftp.host-key`,
        "Find out on the server whether its key has changed (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). If nobody changed it, somebody may be in between.",
      );
    }
    switch (this.#known.judge(keyName, port, key)) {
      case "known":
        return;
      case "revoked":
        throw this.#untrusted(`its host key ${shown} was revoked`, "Nobody who holds that key is to be trusted.");
      case "changed":
        throw this.#untrusted(
          `its host key has changed and is now ${shown}`,
          `If the server was set up anew, compare this fingerprint with the server's and remove the old key: ssh-keygen -R '${port === 22 ? keyName : `[${keyName}]:${port}`}'. Otherwise somebody may be in between.`,
        );
      case "unknown":
        return this.#takeNew(key, shown);
    }
  }

  async #takeNew(key: Uint8Array, shown: string): Promise<void> {
    const { keyName, port, newHostsFile, knownHostsFiles } = this.#host;
    const line = knownHostLine(keyName, port, key);
    if (newHostsFile === undefined) {
      const file = knownHostsFiles[0] ?? "~/.ssh/known_hosts";
      throw this.#untrusted(
        `its host key ${shown} is not known`,
        `Compare the fingerprint with the server's (there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). If it is the same: echo '${line}' >> ${file}`,
      );
    }
    try {
      await mkdir(dirname(newHostsFile), { recursive: true, mode: 0o700 });
      await appendFile(newHostsFile, `${line}\n`, { mode: 0o600 });
    } catch (error) {
      const reason = `the new host key cannot be written to ${newHostsFile}: ${messageOf(error)}`;
      throw storageError("STORAGE_FAILED", { location: this.#location, reason }, error);
    }
  }

  #untrusted(reason: string, how: string): Error {
    return storageError("STORAGE_UNTRUSTED", { location: this.#location, reason, how });
  }
}
