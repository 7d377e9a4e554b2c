/** A way to a server that delays, and that can be cut: a proxy for TCP on a port of its own. */
import { type Server, type Socket, connect, createServer } from "node:net";

export class SlowLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many bytes went to the server. */
  sent = 0;
  /** Called for whatever passes to the server. */
  onSent: (() => void) | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param delayMs how long each byte is on its way, in either direction */
  static async to(port: number, delayMs = 0): Promise<SlowLink> {
    const server = createServer();
    const link = new SlowLink(server);
    server.on("connection", (client) => {
      const target = connect({ host: "127.0.0.1", port, noDelay: true });
      client.setNoDelay(true);
      for (const socket of [client, target]) {
        link.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => link.#sockets.delete(socket));
      }
      client.on("data", (chunk) => {
        link.sent += chunk.length;
        link.onSent?.();
      });
      carry(client, target, delayMs);
      carry(target, client, delayMs);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return link;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Lets nothing pass any more, without ending anything. */
  hold(): void {
    for (const socket of this.#sockets) socket.removeAllListeners("data").pause();
  }

  /** Ends all connections without a farewell; new ones can be made. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}

function carry(from: Socket, to: Socket, delayMs: number): void {
  const later = (act: () => void): void => {
    if (delayMs === 0) act();
    else setTimeout(act, delayMs);
  };
  from.on("data", (chunk) => later(() => void to.write(chunk)));
  from.on("end", () => later(() => void to.end()));
  from.on("close", () => later(() => void to.destroy()));
}
