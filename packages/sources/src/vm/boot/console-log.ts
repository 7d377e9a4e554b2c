/** What a machine says on its serial console. QEMU connects to us, so that nothing is said before somebody listens. */
import { once } from "node:events";
import { type Server, type Socket, createServer } from "node:net";
import { stripVTControlCharacters } from "node:util";

/** So much of the end is kept: for the search, and as evidence. */
const KEPT_CHARS = 256 * 1024;

export class ConsoleLog {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #listeners = new Set<() => void>();
  #text = "";

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param path of the socket that QEMU is to connect to */
  static async listen(path: string): Promise<ConsoleLog> {
    const server = createServer();
    const log = new ConsoleLog(server);
    server.on("connection", (socket) => {
      log.#sockets.add(socket);
      socket.on("error", () => {}); // it ends with QEMU
      socket.setEncoding("utf8").on("data", (text: string) => log.#add(text));
    });
    server.listen(path);
    await once(server, "listening");
    return log;
  }

  /** The end of what was said, without what moves cursors and sets colours. */
  get text(): string {
    return stripVTControlCharacters(this.#text).replaceAll(/[^\P{Cc}\n\t]/gu, "");
  }

  /** Waits until it shows. @throws the signal's reason */
  async until(expression: RegExp, { signal }: { signal: AbortSignal }): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const [found] = expression.exec(this.text) ?? [];
      if (found !== undefined) resolve(found);
    };
    const onAbort = (): void => reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#listeners.add(look);
    try {
      look();
      return await promise;
    } finally {
      this.#listeners.delete(look);
      signal.removeEventListener("abort", onAbort);
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #add(text: string): void {
    this.#text = (this.#text + text).slice(-KEPT_CHARS);
    for (const listener of this.#listeners) listener();
  }
}
