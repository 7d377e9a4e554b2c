/**
 * A proxy before a real gateway that lies about locks: it stores each object without the lock that was asked for, with keys of its
 * own, answers 200 to every request for a lock, and hands on all else as it is.
 */
import { type IncomingMessage, type ServerResponse, createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";

export class StrippingProxy {
  /** How many locks were taken away. */
  stripped = 0;
  readonly #targetPort: number;
  readonly #client: S3Client;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  private constructor(targetPort: number, client: S3Client) {
    this.#targetPort = targetPort;
    this.#client = client;
  }

  static async start(targetPort: number, client: S3Client): Promise<StrippingProxy> {
    const proxy = new StrippingProxy(targetPort, client);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const { method, headers, url: path } = request;
    if (method === "PUT" && searchParams.has("retention")) {
      this.stripped++;
      request.resume();
      return void response.writeHead(200).end();
    }
    if (method === "PUT" && headers["x-amz-object-lock-mode"] !== undefined) {
      this.stripped++;
      const parts: Uint8Array[] = [];
      for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part);
      const [Bucket = "", ...names] = decodeURIComponent(pathname.slice(1)).split("/");
      const input = { Bucket, Key: names.join("/"), Body: Buffer.concat(parts) };
      const { VersionId = "", ETag = "" } = await this.#client.send(new PutObjectCommand(input));
      return void response.writeHead(200, { "x-amz-version-id": VersionId, etag: ETag }).end();
    }
    const forwarded = send({ host: "127.0.0.1", port: this.#targetPort, method, headers, path }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    request.pipe(forwarded);
  }
}
