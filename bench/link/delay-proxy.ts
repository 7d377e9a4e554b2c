/**
 * A TCP proxy that makes a connection over loopback as slow to answer as one over a long line, and no narrower: each direction
 * takes half of the round trip, and what is sent meanwhile is on its way at the same time.
 *
 * What it does: the handshake (a client's first bytes leave one round trip after it connects, the server sees the connection
 * when they arrive), the delay of all bytes, the delay of the end. What it does not: losses, slow start, a limit of throughput
 * other than the window. A client learns at once that it is connected, and a server that a client has taken its bytes.
 */
import { type AddressInfo, type Server, Socket, createServer } from "node:net";
import { delayStream, type LinkClock, realLinkClock } from "./delayed-stream.ts";

/** Linux lets a receiver's window grow to 6 MiB. */
const WINDOW_BYTES = 6 * 1024 * 1024;
/** The server is connected to so much sooner than its first bytes come. */
const BEFORE_BYTES_MS = 2;

export interface DelayProxyOptions {
  readonly targetPort: number;
  /** There and back; milliseconds. With 0 it only passes bytes on. */
  readonly roundTripMs: number;
  /** Where it listens. Default: 127.0.0.1. */
  readonly host?: string;
  readonly windowBytes?: number;
  readonly clock?: LinkClock;
}

export class DelayProxy {
  /** How many connections were made. */
  connections = 0;
  /** How often a client sent something after it had got something: round trips of all connections together, as a rule. */
  turns = 0;
  readonly #options: DelayProxyOptions;
  readonly #server: Server;
  readonly #open = new Map<Socket, () => void>();

  private constructor(options: DelayProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#serve(client));
  }

  /** Listens on a free port. */
  static async start(options: DelayProxyOptions): Promise<DelayProxy> {
    const proxy = new DelayProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, options.host ?? "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection that is there. */
  async close(): Promise<void> {
    for (const [socket, stop] of this.#open) {
      stop();
      socket.resetAndDestroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket): void {
    this.connections++;
    const { roundTripMs, targetPort, windowBytes = WINDOW_BYTES, clock = realLinkClock } = this.#options;
    const delayMs = roundTripMs / 2;
    const openMs = clock.nowMs() + roundTripMs;
    const server = new Socket({ allowHalfOpen: true }).setNoDelay(true);
    const join = (): void => {
      if (!server.destroyed) server.connect({ port: targetPort, host: "127.0.0.1" });
    };
    // The server hears of a client by the last third of the handshake, just before the first bytes.
    const takeBack = roundTripMs === 0 ? undefined : clock.at(openMs + delayMs - BEFORE_BYTES_MS, join);
    if (takeBack === undefined) join();
    let hasAnswered = true;
    const onAsked = (): void => {
      if (hasAnswered) this.turns++;
      hasAnswered = false;
    };
    const onAnswered = (): void => {
      hasAnswered = true;
    };
    const line = { delayMs, capacityBytes: windowBytes, openMs, clock };
    const stops = [
      takeBack ?? (() => {}),
      delayStream({ ...line, from: client, to: server, onSent: onAsked }),
      delayStream({ ...line, from: server, to: client, onSent: onAnswered }),
    ];
    const stop = (): void => stops.forEach((call) => call());
    this.#keep(client, stop);
    this.#keep(server, stop);
    endTogether(client, server, { delayMs, clock });
  }

  #keep(socket: Socket, stop: () => void): void {
    this.#open.set(socket, stop);
    socket.on("error", () => {});
    socket.once("close", () => this.#open.delete(socket));
  }
}

/** A connection that breaks at one end breaks at the other, when the news has got there. */
function endTogether(client: Socket, server: Socket, { delayMs, clock }: { delayMs: number; clock: LinkClock }): void {
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.once("close", () => {
      const isInOrder = one.readableEnded && one.writableFinished;
      if (!isInOrder) clock.at(clock.nowMs() + delayMs, () => other.resetAndDestroy());
    });
  }
}
