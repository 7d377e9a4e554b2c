/**
 * An HTTP proxy before a real S3 server that has storage classes and no cold ones. It SIMULATES what AWS does with objects in the
 * classes GLACIER and DEEP_ARCHIVE, by its documentation: they are not read until `RestoreObject` came and some time passed.
 * All else, signatures too, is the server's.
 */
import { type IncomingMessage, type ServerResponse, createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";

const COLD = new Set(["GLACIER", "DEEP_ARCHIVE"]);

/** One request for an object to be brought back. */
export interface AskedFor {
  readonly path: string;
  readonly body: string;
}

export class ColdProxy {
  /** Every RestoreObject that came, in order. */
  readonly asked: AskedFor[] = [];
  /** How many reads were refused, and how many requests came. */
  refused = 0;
  requests = 0;
  /** How long it takes to bring one back, in milliseconds. */
  delayMs: number;
  readonly #targetPort: number;
  readonly #readyAtMs = new Map<string, number>();
  readonly #server = createServer((request, response) => this.#serve(request, response));

  private constructor(targetPort: number, delayMs: number) {
    this.#targetPort = targetPort;
    this.delayMs = delayMs;
  }

  /** Listens on a free port of this machine, before `targetPort` of this machine. */
  static async start(targetPort: number, { delayMs }: { readonly delayMs: number }): Promise<ColdProxy> {
    const proxy = new ColdProxy(targetPort, delayMs);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All that was brought back has cooled down again. */
  forget(): void {
    this.#readyAtMs.clear();
    this.asked.length = 0;
    this.refused = 0;
    this.requests = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.requests++;
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    if (request.method === "POST" && searchParams.has("restore"))
      return void this.#restore(pathname, request, response);
    const isRead = request.method === "GET" && [...searchParams.keys()].every((name) => name === "x-id");
    const { method, headers, url: path } = request;
    const options = { host: "127.0.0.1", port: this.#targetPort, method, headers, path };
    const forwarded = send(options, (answer) => {
      const storageClass = String(answer.headers["x-amz-storage-class"] ?? "");
      if (COLD.has(storageClass) && isRead && !this.#isWarm(pathname)) {
        answer.resume();
        this.refused++;
        const text = `<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class</Message><StorageClass>${storageClass}</StorageClass></Error>`;
        return void response.writeHead(403, { "content-type": "application/xml" }).end(text);
      }
      const shown = COLD.has(storageClass) ? this.#restoreHeader(pathname) : {};
      response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...shown });
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    request.pipe(forwarded);
  }

  async #restore(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const part of request) body += String(part);
    this.asked.push({ path, body });
    if (this.#isWarm(path)) return void response.writeHead(200).end();
    if (this.#readyAtMs.has(path)) {
      const text = "<Error><Code>RestoreAlreadyInProgress</Code><Message>in progress</Message></Error>";
      return void response.writeHead(409, { "content-type": "application/xml" }).end(text);
    }
    this.#readyAtMs.set(path, Date.now() + this.delayMs);
    response.writeHead(202).end();
  }

  #isWarm(path: string): boolean {
    return Date.now() >= (this.#readyAtMs.get(path) ?? Number.POSITIVE_INFINITY);
  }

  #restoreHeader(path: string): Record<string, string> {
    if (!this.#readyAtMs.has(path)) return {};
    const isOngoing = !this.#isWarm(path);
    const until = new Date(Date.now() + 7 * 86_400_000).toUTCString();
    return {
      "x-amz-restore": isOngoing ? 'ongoing-request="true"' : `ongoing-request="false", expiry-date="${until}"`,
    };
  }
}
