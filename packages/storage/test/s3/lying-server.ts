/**
 * A server that speaks as much S3 as retention needs, and lies about it: it answers 200 to every lock, and protects nothing.
 * Servers like it exist. It believes any signature.
 */
import { randomUUID } from "node:crypto";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * What it does with locks: `forgets` them at once; `shows` them when asked, and deletes all the same; keeps no `versions`;
 * `pretends` that it refuses to delete, and has deleted.
 */
export type Lie = "forgets" | "shows" | "versions" | "pretends";

interface Stored {
  readonly version: string;
  readonly bytes: Buffer;
  readonly mode: string | undefined;
  readonly until: string | undefined;
}

export class LyingServer {
  readonly #objects = new Map<string, Stored>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #lie: Lie;

  private constructor(lie: Lie) {
    this.#lie = lie;
  }

  static async start(lie: Lie): Promise<LyingServer> {
    const liar = new LyingServer(lie);
    await new Promise<void>((resolve) => liar.#server.listen(0, "127.0.0.1", resolve));
    return liar;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The names of all that is stored. */
  get names(): string[] {
    return [...this.#objects.keys()];
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part);
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    if (searchParams.has("retention")) return this.#serveRetention(pathname, request.method ?? "", response);
    if (request.method === "PUT") return this.#put(pathname, Buffer.concat(parts), request, response);
    if (request.method === "DELETE") {
      this.#objects.delete(pathname);
      return void response.writeHead(this.#lie === "pretends" ? 403 : 204).end();
    }
    const stored = this.#objects.get(pathname);
    if (stored === undefined) return void response.writeHead(404).end();
    const headers = { ...this.#versionOf(stored), "content-length": String(stored.bytes.length) };
    response.writeHead(200, headers).end(request.method === "HEAD" ? "" : stored.bytes);
  }

  #put(path: string, bytes: Buffer, { headers }: IncomingMessage, response: ServerResponse): void {
    const text = (name: string): string | undefined => headers[name]?.toString();
    const mode = text("x-amz-object-lock-mode");
    const until = text("x-amz-object-lock-retain-until-date");
    const stored = { version: randomUUID(), bytes, mode, until };
    this.#objects.set(path, stored);
    response.writeHead(200, { etag: '"0"', ...this.#versionOf(stored) }).end();
  }

  #serveRetention(path: string, method: string, response: ServerResponse): void {
    const stored = this.#objects.get(path);
    if (method === "PUT") return void response.writeHead(200).end();
    if (stored?.mode === undefined || this.#lie === "forgets") {
      return void response.writeHead(404).end("<Error><Code>NoSuchObjectLockConfiguration</Code></Error>");
    }
    const { mode, until } = stored;
    response
      .writeHead(200)
      .end(`<Retention><Mode>${mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`);
  }

  #versionOf({ version }: Stored): Record<string, string> {
    return this.#lie === "versions" ? {} : { "x-amz-version-id": version };
  }
}
