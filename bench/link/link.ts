/**
 * The way from the clients to a server, with a delay. Where the kernel has netem and we may use it, clients run in a network
 * namespace of their own, behind a pair of interfaces that delay packets: that is TCP as it is. Elsewhere a proxy delays bytes.
 */
import { DelayProxy } from "./delay-proxy.ts";
import { NetemNamespace } from "./netem.ts";

/** Where clients reach a server. */
export interface Reach {
  readonly host: string;
  readonly port: number;
  /** What stands before a client's command. */
  readonly through: readonly string[];
}

export interface Link {
  /** How the delay is made, for people. */
  readonly how: string;
  readonly roundTripMs: number;
  /** Opens the way to a port of this machine. */
  reach(targetPort: number): Promise<Reach>;
  /** What passed since the last call; `undefined` where nobody counts. */
  counts(): { readonly connections: number; readonly turns: number } | undefined;
  close(): Promise<void>;
}

/** @param roundTripMs there and back; 0 for plain loopback */
export async function openLink(roundTripMs: number): Promise<Link> {
  if (roundTripMs === 0) return new Loopback();
  const namespace = NetemNamespace.open(roundTripMs);
  return namespace === undefined ? new ProxyLink(roundTripMs) : new NetemLink(roundTripMs, namespace);
}

class Loopback implements Link {
  readonly how = "loopback";
  readonly roundTripMs = 0;

  async reach(port: number): Promise<Reach> {
    return { host: "127.0.0.1", port, through: [] };
  }

  counts(): undefined {
    return undefined;
  }

  async close(): Promise<void> {}
}

class ProxyLink implements Link {
  readonly how = "a proxy on loopback that delays";
  readonly roundTripMs: number;
  readonly #proxies: DelayProxy[] = [];

  constructor(roundTripMs: number) {
    this.roundTripMs = roundTripMs;
  }

  async reach(targetPort: number): Promise<Reach> {
    const proxy = await DelayProxy.start({ targetPort, roundTripMs: this.roundTripMs });
    this.#proxies.push(proxy);
    return { host: "127.0.0.1", port: proxy.port, through: [] };
  }

  counts(): { connections: number; turns: number } {
    let [connections, turns] = [0, 0];
    for (const proxy of this.#proxies) {
      connections += proxy.connections;
      turns += proxy.turns;
      [proxy.connections, proxy.turns] = [0, 0];
    }
    return { connections, turns };
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close();
  }
}

/** Servers listen on loopback only, so a proxy without delay stands at this side of the interfaces. */
class NetemLink implements Link {
  readonly how = "netem between network namespaces";
  readonly roundTripMs: number;
  readonly #namespace: NetemNamespace;
  readonly #proxies: DelayProxy[] = [];

  constructor(roundTripMs: number, namespace: NetemNamespace) {
    this.roundTripMs = roundTripMs;
    this.#namespace = namespace;
  }

  async reach(targetPort: number): Promise<Reach> {
    const { host, through } = this.#namespace;
    const proxy = await DelayProxy.start({ targetPort, roundTripMs: 0, host });
    this.#proxies.push(proxy);
    return { host, port: proxy.port, through };
  }

  counts(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close();
    this.#namespace.close();
  }
}
