/**
 * A proxy of HTTP that counts how many questions of a client wait for each other. Time does not count, only order: it keeps what
 * is asked until nothing more comes, and answers all of that at once. Those are one round; what is asked after it needed, or at
 * least awaited, an answer. The first question on a connection takes a round more, as the connection has to be made.
 */
import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
  createServer,
  request,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** Without another question for so long, those that there are get their answers. */
const QUIET_MS = 250;

interface Question {
  /** Such as `GET keys`. */
  readonly text: string;
  /** Its connection is still to be made. */
  isConnecting: boolean;
  /** Answers it. */
  readonly pass: () => void;
}

export class RoundProxy {
  /** What was asked in each round since the last `reset`, in the order of the alphabet; `connect` for a connection that was made. */
  readonly rounds: string[][] = [];
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #known = new WeakSet<Socket>();
  #waiting: Question[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    // A client must not lose its connection while it computes: that would cost it a round which no slow link costs.
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (asked, answer) => void this.#take(asked, answer));
  }

  /** Listens on a free port of this machine, before `targetPort` of this machine. */
  static async start(targetPort: number): Promise<RoundProxy> {
    const proxy = new RoundProxy(targetPort);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Begins to count anew. @returns the rounds so far */
  reset(): string[][] {
    return this.rounds.splice(0);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const isConnecting = !this.#known.has(asked.socket);
    this.#known.add(asked.socket);
    // All of it has to come for the question to be one, as a server would not answer before.
    const body = Buffer.concat(await asked.toArray());
    this.#waiting.push({ text: textOf(asked), isConnecting, pass: () => this.#pass(asked, body, answer) });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(), QUIET_MS);
  }

  #end(): void {
    const round = this.#waiting;
    this.rounds.push(round.map(({ text, isConnecting }) => (isConnecting ? "connect" : text)).sort());
    this.#waiting = round.filter(({ isConnecting }) => isConnecting);
    for (const question of round) {
      if (question.isConnecting) question.isConnecting = false;
      else question.pass();
    }
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#end(), QUIET_MS);
  }

  #pass({ method, url, headers }: IncomingMessage, body: Buffer, answer: ServerResponse): void {
    const onward = request({ port: this.#targetPort, host: "127.0.0.1", method, path: url, headers }, (came) => {
      answer.writeHead(came.statusCode ?? 502, cleared(came.headers));
      came.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    onward.end(body);
  }
}

/** The method, and the folder below the repository that it is about. */
function textOf({ method, url = "" }: IncomingMessage): string {
  const [, , what = ""] = (url.split("?")[0] ?? "").split("/");
  return `${method} ${what}`;
}

/** What is said of the connection behind the proxy is not true of the one before it. */
function cleared({
  connection: _connection,
  "keep-alive": _keepAlive,
  ...headers
}: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return headers;
}
