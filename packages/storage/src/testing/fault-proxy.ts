/** A TCP proxy before a real server that does what networks do: cuts, delays, stalls, truncates, and sends twice. */
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

/** What happens to one connection. Bytes are counted in one direction, from its beginning. */
export type ConnectionFault =
  /** Refused at once: closed before a byte. */
  | { readonly kind: "refuse" }
  /** Reset once so many bytes have passed. */
  | { readonly kind: "cut"; readonly direction: Direction; readonly afterBytes: number }
  /** Ended in good order once so many bytes have passed, as if that were all. */
  | { readonly kind: "truncate"; readonly direction: Direction; readonly afterBytes: number }
  /** Nothing comes any more, and the connection stays open. */
  | { readonly kind: "stall"; readonly direction: Direction; readonly afterBytes: number }
  /** Each piece waits so long. */
  | { readonly kind: "delay"; readonly direction: Direction; readonly ms: number }
  /** The piece in which this byte lies is sent twice. */
  | { readonly kind: "duplicate"; readonly direction: Direction; readonly atByte: number };

/** `up`: from client to server. */
export type Direction = "up" | "down";

/** Says what is to happen to a connection, numbered from 0. */
export type FaultChoice = (connection: number) => ConnectionFault | undefined;

export class FaultProxy {
  /** How many connections were made. */
  connections = 0;
  /** How many of them met a fault. */
  faults = 0;
  /** May be changed at any time; connections that are there keep what they have. */
  choose: FaultChoice;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: number, choose: FaultChoice) {
    this.choose = choose;
    this.#server = createServer((client) => this.#serve(client, targetPort));
  }

  /**
   * Listens on a free port of this machine, before `targetPort` of this machine.
   * @param host the address to listen at, such as `::1`
   */
  static async start(
    targetPort: number,
    choose: FaultChoice = () => undefined,
    host = "127.0.0.1",
  ): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, choose);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, host, resolve);
    });
    return proxy;
  }

  /** How many ends of connections are open: two for each that a client has. */
  get open(): number {
    return this.#sockets.size;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection that is open now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: Socket, targetPort: number): void {
    const fault = this.choose(this.connections++);
    this.#keep(client);
    if (fault?.kind === "refuse") {
      this.faults++;
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    this.#keep(server);
    client.setNoDelay(true);
    const pair = { up: [client, server], down: [server, client] } as const;
    for (const direction of ["up", "down"] as const) {
      const [from, to] = pair[direction];
      void this.#forward(
        from,
        to,
        fault !== undefined && "direction" in fault && fault.direction === direction ? fault : undefined,
      );
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async #forward(
    from: Socket,
    to: Socket,
    fault: Exclude<ConnectionFault, { kind: "refuse" }> | undefined,
  ): Promise<void> {
    let passed = 0;
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const start = passed;
        passed += chunk.length;
        if (fault === undefined) await write(to, chunk);
        else if (fault.kind === "delay") {
          if (start === 0) this.faults++;
          await new Promise((resolve) => setTimeout(resolve, fault.ms));
          await write(to, chunk);
        } else if (fault.kind === "duplicate") {
          await write(to, chunk);
          if (start <= fault.atByte && fault.atByte < passed) {
            this.faults++;
            await write(to, chunk);
          }
        } else if (passed <= fault.afterBytes) await write(to, chunk);
        else {
          this.faults++;
          await write(to, chunk.subarray(0, fault.afterBytes - start));
          return await this.#stop(from, to, fault.kind);
        }
      }
      to.end();
    } catch {
      to.resetAndDestroy();
    }
  }

  async #stop(from: Socket, to: Socket, kind: "cut" | "truncate" | "stall"): Promise<void> {
    if (kind === "cut") {
      // What was written before is to arrive: a reset would overtake it.
      await new Promise((resolve) => setTimeout(resolve, 20));
      to.resetAndDestroy();
      from.resetAndDestroy();
    } else if (kind === "truncate") {
      to.end();
      from.destroy();
    } else {
      await new Promise((resolve) => to.once("close", resolve));
    }
  }
}

function write(to: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (bytes.length === 0) return resolve();
    to.write(bytes, (error) => (error === undefined || error === null ? resolve() : reject(error)));
  });
}
