/** Connections to servers by SSH, also through jump hosts. */
import { type Socket, connect } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf, systemCode } from "@holdfast/base";
import ssh2, { type Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import type { CallOptions } from "../../backend.ts";
import { storageError } from "../../errors.ts";
import { abortable } from "../abortable.ts";
import type { Connection } from "./connection.ts";
import { HostKeys } from "./host-keys.ts";
import type { HostSettings } from "./host-settings.ts";
import { type Identities, identitiesFor } from "./identities.ts";

/** How long a server gets to say goodbye. */
const FAREWELL_MS = 1000;

/**
 * Connects to `host`, through its jump hosts if it has any, and logs in.
 * @throws STORAGE_UNTRUSTED, STORAGE_CREDENTIALS_REFUSED, STORAGE_NO_CREDENTIALS, STORAGE_NO_PLACE, STORAGE_UNAVAILABLE
 */
export async function connectBySsh(host: HostSettings, location: string, { signal }: CallOptions): Promise<Connection> {
  const clients: Client[] = [];
  try {
    let way: Duplex | undefined;
    for (const [index, hop] of [...host.jumps, host].entries()) {
      const at = index < host.jumps.length ? `${location} (jump host ${hop.host})` : location;
      const stream: Duplex = way ?? (await connectSocket(hop, at, signal));
      const client = await logIn(hop, stream, at, signal);
      clients.push(client);
      const next = [...host.jumps, host][index + 1];
      way = next === undefined ? undefined : await forward(client, next, at, signal);
    }
    return new SshConnection(clients, location);
  } catch (error) {
    for (const client of clients) client.destroy();
    throw error;
  }
}

class SshConnection implements Connection {
  readonly #clients: readonly Client[];
  readonly #closed: readonly Promise<void>[];
  readonly #location: string;
  #isLost = false;

  /** @param clients one for each jump host, and the server's */
  constructor(clients: readonly Client[], location: string) {
    this.#clients = clients;
    this.#location = location;
    for (const client of clients) client.on("error", () => (this.#isLost = true)); // its channels end too, and say so
    this.#closed = clients.map(
      (client) =>
        new Promise((resolve) => {
          client.on("close", () => {
            this.#isLost = true;
            resolve();
          });
        }),
    );
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  async openChannel({ signal }: CallOptions): Promise<Duplex> {
    const client = this.#clients.at(-1) as Client;
    const opening = new Promise<Duplex>((resolve, reject) => {
      client.subsys("sftp", (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
    });
    try {
      return await abortable(opening, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (this.#isLost || !isServersWord(error)) {
        // Nobody has refused anything: there is no connection any more, even if its end was not told yet. With it, a question
        // for the subsystem fails as if the server had said no.
        this.#isLost = true;
        throw unavailable(this.#location, "the connection was lost", error);
      }
      const reason = "the server opens no channel for SFTP; is its sftp subsystem turned on?";
      throw storageError("STORAGE_FAILED", { location: this.#location, reason }, error);
    }
  }

  /** From the server back to the nearest jump host, as each goes through the one before. */
  async close(): Promise<void> {
    this.#isLost = true;
    for (let index = this.#clients.length - 1; index >= 0; index--) {
      const client = this.#clients[index] as Client;
      const timer = setTimeout(() => client.destroy(), FAREWELL_MS);
      client.end();
      await this.#closed[index];
      clearTimeout(timer);
    }
  }
}

/** Whether an error about a channel is an answer of the server, which has a reason or is about the subsystem. */
function isServersWord(error: unknown): boolean {
  return error instanceof Error && ("reason" in error || /unable to start subsystem/i.test(error.message));
}

/** A connection by TCP. @throws STORAGE_NO_PLACE, STORAGE_UNAVAILABLE */
async function connectSocket(host: HostSettings, location: string, signal: AbortSignal): Promise<Socket> {
  const { port, family, bindAddress: localAddress } = host;
  const socket = connect({
    host: host.host,
    port,
    noDelay: true,
    family,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  let timer: NodeJS.Timeout | undefined;
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(socketError(error, host, location)));
    timer = setTimeout(
      () => reject(unavailable(location, `no connection after ${host.connectMs / 1000} seconds`)),
      host.connectMs,
    );
  });
  try {
    await abortable(connected, signal);
    return socket;
  } catch (error) {
    socket.on("error", () => {}); // nobody waits for it any more
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Verifies the server on the other end of `stream`, and logs in. */
async function logIn(host: HostSettings, stream: Duplex, location: string, signal: AbortSignal): Promise<Client> {
  const [hostKeys, identities] = await Promise.all([HostKeys.of(host, location), identitiesFor(host, location)]).catch(
    (error: unknown) => {
      // The server would keep the connection open for minutes, and it the process.
      stream.destroy();
      throw error;
    },
  );
  const client = new ssh2.Client();
  let distrust: Error | undefined;
  const config: ConnectConfig = {
    sock: stream,
    username: host.user,
    authHandler: [...identities.methods] as NonNullable<ConnectConfig["authHandler"]> & unknown[],
    algorithms: { serverHostKey: [...hostKeys.algorithms] as ServerHostKeyAlgorithm[] },
    hostVerifier: (key: Buffer, verify: (isTrusted: boolean) => void) => {
      hostKeys.verify(key).then(
        () => verify(true),
        (error: Error) => {
          distrust = error;
          verify(false);
        },
      );
    },
    keepaliveInterval: host.aliveMs,
    keepaliveCountMax: host.aliveCount,
    readyTimeout: host.connectMs,
  };
  const ready = new Promise<void>((resolve, reject) => {
    client.on("ready", resolve);
    // Stays for the life of the connection, as an error that nobody listens to would end the process.
    client.on("error", (error) => {
      if (error.level !== "agent") reject(distrust ?? loginError(error, host, identities, location)); // else other ways are left
    });
    client.on("close", () => reject(distrust ?? unavailable(location, "the server closed the connection")));
    client.connect(config);
  });
  try {
    await abortable(ready, signal);
    return client;
  } catch (error) {
    client.destroy();
    stream.destroy();
    throw error;
  }
}

/** A way through `client` to the next host. */
async function forward(client: Client, next: HostSettings, location: string, signal: AbortSignal): Promise<Duplex> {
  const opening = new Promise<Duplex>((resolve, reject) => {
    client.forwardOut("127.0.0.1", 0, next.host, next.port, (error, stream) => {
      if (error === undefined) resolve(stream);
      else reject(unavailable(location, `no connection to ${next.host}:${next.port}: ${messageOf(error)}`, error));
    });
  });
  return abortable(opening, signal);
}

function loginError(
  error: Error & { level?: string },
  host: HostSettings,
  { methods, problems }: Identities,
  location: string,
): Error {
  // The server hangs up when an agent has more keys than it likes to be tried.
  if (error.level === "client-authentication" || /too many authentication failures/i.test(error.message)) {
    const tried = [...new Set(methods.map(({ type }) => WAYS[type] ?? type))].join(", ");
    const reason = [`${host.user}@${host.host} by ${tried}`, ...problems].join("; ");
    return storageError("STORAGE_CREDENTIALS_REFUSED", { location, reason }, error);
  }
  if (systemCode(error) !== undefined) return socketError(error, host, location);
  if (/no matching/i.test(error.message)) {
    return storageError("STORAGE_FAILED", { location, reason: `no algorithm in common: ${error.message}` }, error);
  }
  return unavailable(location, error.message, error);
}

const WAYS: Readonly<Record<string, string>> = { agent: "agent", publickey: "key file", password: "password" };

/** A name that does not exist is a mistake; all else may pass. */
function socketError(error: Error, host: HostSettings, location: string): Error {
  if (systemCode(error) === "ENOTFOUND") {
    return storageError("STORAGE_NO_PLACE", { location, what: `the host ${host.host}` }, error);
  }
  const reason =
    systemCode(error) === "ECONNREFUSED" ? `nothing listens at ${host.host}, port ${host.port}` : messageOf(error);
  return unavailable(location, reason, error);
}

function unavailable(location: string, reason: string, cause?: unknown): Error {
  return storageError("STORAGE_UNAVAILABLE", { location, reason }, cause);
}
