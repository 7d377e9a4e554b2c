/** Sockets, TLS and the limits of HTTP. Over TLS both HTTP/2 and 1.1 are spoken, without it 1.1. */
import { readFile } from "node:fs/promises";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { type Http2SecureServer, type ServerHttp2Session, createSecureServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { messageOf } from "@holdfast/base";
import { serverError } from "../errors.ts";
import { type ListenAddress, formatListenAddress } from "./listen-address.ts";

const HEADERS_MS = 30_000;
const KEEP_ALIVE_MS = 120_000;
const MAX_CONNECTIONS = 2000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 64;
/** What a stream, and a connection, of HTTP/2 may send before it is read. */
const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 8 * 1024 * 1024;
const MAX_STREAMS = 128;

/** Files in PEM; the first holds the whole chain. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export class HttpListener {
  /** As `http://127.0.0.1:8000/`. */
  readonly url: string;
  readonly port: number;
  readonly #server: Server | Http2SecureServer;
  readonly #certificate: CertificateFiles | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(server: Server | Http2SecureServer, address: ListenAddress, files: CertificateFiles | undefined) {
    this.#server = server;
    this.#certificate = files;
    const { port } = server.address() as AddressInfo;
    this.port = port;
    this.url = `${files === undefined ? "http" : "https"}://${formatListenAddress({ ...address, port })}/`;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("session", (session: ServerHttp2Session) => this.#addSession(session));
  }

  /** @throws SERVER_LISTEN, SERVER_CERTIFICATE */
  static async open(
    address: ListenAddress,
    certificate: CertificateFiles | undefined,
    handle: Handle,
  ): Promise<HttpListener> {
    const server = certificate === undefined ? plainServer() : await secureServer(certificate);
    // The objects of HTTP/2 have the methods and events of those of HTTP/1.1 that are used here.
    server.on("request", (request: unknown, response: unknown) => {
      void handle(request as IncomingMessage, response as ServerResponse);
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(
          serverError("SERVER_LISTEN", { address: formatListenAddress(address), reason: messageOf(error) }, error),
        );
      };
      server.once("error", fail);
      server.listen(address.port, address.host, () => {
        server.off("error", fail);
        resolve();
      });
    });
    return new HttpListener(server, address, certificate);
  }

  /** Takes the certificate that is in the files by now, for new connections. @throws SERVER_CERTIFICATE; the old one stays */
  async reloadCertificate(): Promise<void> {
    if (this.#certificate === undefined || !("setSecureContext" in this.#server)) return;
    this.#server.setSecureContext(await readCertificate(this.#certificate));
  }

  /** Takes no more connections, and ends those on which nothing is under way. */
  stop(): void {
    this.#server.close();
    if ("closeIdleConnections" in this.#server) this.#server.closeIdleConnections();
    for (const session of this.#sessions) session.close();
  }

  /** Ends all connections, and resolves when there are none. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once("close", () => this.#sessions.delete(session));
    session.on("error", () => {});
    session.setLocalWindowSize(CONNECTION_WINDOW);
    // A session on which a request is under way has traffic, or its request ends by its own limit.
    session.setTimeout(KEEP_ALIVE_MS, () => session.close());
  }
}

function plainServer(): Server {
  const server = createServer({ ...http1Limits(), headersTimeout: HEADERS_MS });
  return withHttp1Limits(server);
}

async function secureServer(files: CertificateFiles): Promise<Http2SecureServer> {
  const server = createSecureServer({
    ...(await readCertificate(files)),
    ...http1Limits(),
    allowHTTP1: true,
    minVersion: "TLSv1.2",
    handshakeTimeout: HEADERS_MS,
    maxHeaderListPairs: MAX_HEADERS,
    settings: {
      initialWindowSize: STREAM_WINDOW,
      maxConcurrentStreams: MAX_STREAMS,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
  });
  // A client that does not speak TLS, or gives up, is no failure of the server.
  server.on("tlsClientError", () => {});
  server.on("sessionError", () => {});
  requireFirstRequest(server);
  return withHttp1Limits(server);
}

/** What `headersTimeout` does for a server without TLS: HTTP/2 has a limit for each session instead. */
function requireFirstRequest(server: Http2SecureServer): void {
  const timers = new WeakMap<object, NodeJS.Timeout>();
  server.on("secureConnection", (socket) => {
    if (socket.alpnProtocol === "h2") return;
    const timer = setTimeout(() => socket.destroy(), HEADERS_MS);
    timers.set(socket, timer);
    socket.once("close", () => clearTimeout(timer));
  });
  server.on("request", ({ httpVersionMajor, socket }) => {
    if (httpVersionMajor === 1) clearTimeout(timers.get(socket));
  });
}

function http1Limits(): { readonly maxHeaderSize: number; readonly keepAliveTimeout: number } {
  return { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS };
}

/** An upload may take as long as it takes, if only it goes on: that is watched where its body is read. */
function withHttp1Limits<T extends Server | Http2SecureServer>(server: T): T {
  const limits: Partial<Pick<Server, "headersTimeout" | "requestTimeout" | "keepAliveTimeout" | "maxHeadersCount">> = {
    headersTimeout: HEADERS_MS,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeadersCount: MAX_HEADERS,
  };
  return Object.assign(server, limits);
}

async function readCertificate({ certificate, key }: CertificateFiles): Promise<{ cert: Buffer; key: Buffer }> {
  try {
    const pair = { cert: await readFile(certificate), key: await readFile(key) };
    createSecureContext(pair);
    return pair;
  } catch (error) {
    throw serverError("SERVER_CERTIFICATE", { reason: messageOf(error) }, error);
  }
}
