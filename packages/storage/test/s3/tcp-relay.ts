/** A relay in front of a server that can cut connections, or let them hang. */
import { type Server, type Socket, connect, createServer } from "node:net";

export class TcpRelay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many bytes may go to the server on one connection before `then` happens to it. */
  #limit: { bytes: number; then: "cut" | "hang" } | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  static async start(target: number): Promise<TcpRelay> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const relay = new TcpRelay(server, (server.address() as { port: number }).port);
    server.on("connection", (client) => relay.#join(client, target));
    return relay;
  }

  /** From now on each connection ends like this; without an argument they work again. */
  breakAfter(bytes?: number, then: "cut" | "hang" = "cut"): void {
    this.#limit = bytes === undefined ? undefined : { bytes, then };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, target: number): void {
    const server = connect(target, "127.0.0.1");
    let sent = 0;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    server.on("data", (bytes: Uint8Array) => client.write(bytes));
    client.on("data", (bytes: Uint8Array) => {
      sent += bytes.length;
      if (this.#limit === undefined || sent <= this.#limit.bytes) server.write(bytes);
      else if (this.#limit.then === "cut") client.resetAndDestroy();
    });
  }
}
