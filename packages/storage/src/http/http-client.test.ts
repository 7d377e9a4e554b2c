/** Requests as they go over the wire: statuses, waits, proxies, kept connections. The servers are Node's own. */
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret, isHoldfastError } from "@holdfast/base";
import { afterEach, describe, expect, test } from "vitest";
import { openBackend } from "../location.ts";
import { FaultProxy } from "../testing/fault-proxy.ts";
import { HttpClient, type HttpClientOptions } from "./http-client.ts";
import { fromStatus } from "./http-errors.ts";
import { PLAIN_SETTINGS } from "./http-settings.ts";

const signal = new AbortController().signal;
const KEY = { type: "config", name: "" } as const;
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ server: Server; port: number }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { server, port: (server.address() as AddressInfo).port };
}

function client(port: number, more: Partial<HttpClientOptions> = {}): HttpClient {
  const made = new HttpClient({
    location: "test:",
    protocol: "http:",
    hostname: "127.0.0.1",
    port,
    settings: PLAIN_SETTINGS,
    ...more,
  });
  closers.push(async () => made.close());
  return made;
}

async function textOf(http: HttpClient, path: string): Promise<string> {
  return http.exchange({ method: "GET", path, signal }, (answer) => answer.text());
}

describe("the status", () => {
  test.each([
    [401, "STORAGE_CREDENTIALS_REFUSED", false],
    [403, "STORAGE_PERMISSION", false],
    [407, "STORAGE_CREDENTIALS_REFUSED", false],
    [408, "STORAGE_UNAVAILABLE", true],
    [413, "STORAGE_FULL", false],
    [418, "STORAGE_FAILED", false],
    [429, "STORAGE_UNAVAILABLE", true],
    [500, "STORAGE_UNAVAILABLE", true],
    [501, "STORAGE_FAILED", false],
    [503, "STORAGE_UNAVAILABLE", true],
    [507, "STORAGE_FULL", false],
    [301, "STORAGE_FAILED", false],
  ])("%i means %s, transient: %s", (status, code, transient) => {
    const facts = { location: "l", path: "p", text: "", hadCredentials: true, howToLogIn: "how" };
    expect(fromStatus({ ...facts, status })).toMatchObject({ code, transient });
    if (status === 401)
      expect(fromStatus({ ...facts, status, hadCredentials: false }).code).toBe("STORAGE_NO_CREDENTIALS");
  });

  test("of a redirect is followed nowhere, and credentials go to nobody else", async () => {
    let visits = 0;
    const other = await serve((_, response) => response.end(String(visits++)));
    const { port } = await serve((_, response) => {
      response.writeHead(302, { Location: `http://127.0.0.1:${other.port}/` }).end();
    });
    const backend = await openBackend(`rest:http://anna:geheim@127.0.0.1:${port}/`);
    const error: unknown = await backend.stat(KEY, { signal }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORAGE_FAILED", transient: false });
    expect(String(error)).toContain(`http://127.0.0.1:${other.port}/`);
    expect(visits).toBe(0);
    await backend.close();
  });

  test("of an early refusal is seen although the body is not through", async () => {
    const { port } = await serve((_, response) => response.writeHead(507).end("no room"));
    const backend = await openBackend(`rest:http://127.0.0.1:${port}/`);
    let given = 0;
    function* large(): Generator<Uint8Array> {
      for (; given < 400; given++) yield new Uint8Array(1024 * 1024);
    }
    const saved = backend.save(
      { type: "pack", name: "0".repeat(64) },
      { sizeBytes: 400 * 2 ** 20, open: large },
      { signal },
    );
    await expect(saved).rejects.toMatchObject({ code: "STORAGE_FULL" });
    expect(given).toBeLessThan(100);
    await backend.close();
  });

  test("comes with what the server says, made harmless", async () => {
    const { port } = await serve((_, response) =>
      response.writeHead(500).end(`a\u001b[31mb\n\u202ec${"x".repeat(5000)}`),
    );
    const text = await client(port).exchange({ method: "GET", path: "/", signal }, (answer) => answer.text(20));
    expect(text).toBe("a [31mb cxxxxxxxx");
  });
});

describe("a wait without progress", () => {
  const patience = { progressMs: 200, answerMs: 400 };

  test("for an answer ends", async () => {
    const { port } = await serve(() => {});
    await expect(textOf(client(port, { patience }), "/")).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      transient: true,
    });
  });

  test("for the next piece ends, however much came before", async () => {
    const { port } = await serve((_, response) => response.writeHead(200, { "Content-Length": "100" }).write("some"));
    const read = client(port, { patience }).exchange({ method: "GET", path: "/", signal }, (answer) =>
      Array.fromAsync(answer.chunks()),
    );
    await expect(read).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
  });

  test("for a server that takes no more of a body ends", async () => {
    const { port } = await serve((request) => request.pause());
    const body = { key: KEY, source: { sizeBytes: 2 ** 26, open: () => [new Uint8Array(2 ** 26)] } };
    const sent = client(port, { patience }).send({ method: "POST", path: "/", body, signal });
    await expect(sent).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
  });

  test("does not count while the consumer takes its time, nor while pieces keep coming", async () => {
    const { port } = await serve((_, response) => {
      response.writeHead(200, { "Content-Length": "10" });
      let sent = 0;
      const timer = setInterval(() => {
        response.write("x");
        if (++sent === 10) clearInterval(timer);
      }, 60);
    });
    const text = await client(port, { patience }).exchange({ method: "GET", path: "/", signal }, async (answer) => {
      let all = "";
      for await (const chunk of answer.chunks()) {
        if (all === "") await new Promise((resolve) => setTimeout(resolve, 300));
        all += Buffer.from(chunk).toString();
      }
      return all;
    });
    expect(text).toBe("xxxxxxxxxx");
  });
});

describe("a kept connection", () => {
  test("serves the next request, also after answers that were not read", async () => {
    const { server, port } = await serve((_, response) => response.end("small"));
    let connections = 0;
    server.on("connection", () => connections++);
    const http = client(port);
    for (let i = 0; i < 10; i++) {
      await textOf(http, "/");
      await http.exchange({ method: "HEAD", path: "/", signal }, async () => {});
      await http.exchange({ method: "GET", path: "/", signal }, async () => {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connections).toBeLessThanOrEqual(4);
  });

  test("that was closed meanwhile costs no failure", async () => {
    const { port } = await serve((_, response) => response.end("hello"));
    const proxy = await FaultProxy.start(port);
    closers.push(() => proxy.close());
    const http = client(proxy.port);
    expect(await textOf(http, "/")).toBe("hello");
    proxy.cutAll();
    expect(await textOf(http, "/")).toBe("hello");
    expect(proxy.connections).toBe(2);
  });
});

describe("a proxy", () => {
  test("gets requests for other machines, none for this one, and no secret is in messages", async () => {
    const seen: string[] = [];
    const { port } = await serve((request, response) => {
      seen.push(`${request.url} ${request.headers["proxy-authorization"] !== undefined}`);
      response.end("by proxy");
    });
    const proxies = { http_proxy: `http://me:geheim@127.0.0.1:${port}`, no_proxy: "direct.invalid" };
    const settings = { ...PLAIN_SETTINGS, proxies };
    const through = (hostname: string): HttpClient => client(80, { hostname, settings });
    expect(await textOf(through("backup.invalid"), "/a")).toBe("by proxy");
    expect(seen).toEqual(["http://backup.invalid/a true"]);
    await expect(textOf(through("direct.invalid"), "/")).rejects.toMatchObject({
      code: expect.stringMatching(/NO_PLACE|UNAVAIL/),
    });
    const { port: own } = await serve((_, response) => response.end("direct"));
    expect(await textOf(client(own, { settings }), "/")).toBe("direct");
    const bad = client(80, {
      hostname: "backup.invalid",
      settings: { ...PLAIN_SETTINGS, proxies: { http_proxy: "socks5://me:geheim@x" } },
    });
    const error: unknown = await textOf(bad, "/").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORAGE_INVALID_OPTION" });
    expect(JSON.stringify(error)).not.toContain("geheim");
  });
});

describe("an address", () => {
  const hello = (_: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(200, { "Content-Length": "5" }).end();

  test("may be one of IPv6", async () => {
    const server = createServer(hello);
    await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const backend = await openBackend(`rest:http://[::1]:${(server.address() as AddressInfo).port}/`);
    expect(await backend.stat(KEY, { signal })).toMatchObject({ sizeBytes: 5 });
    await backend.close();
  });

  test("may be a socket of this machine", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hf-"));
    const server = createServer(hello);
    await new Promise<void>((resolve) => server.listen(join(folder, "s"), resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const backend = await openBackend(`rest:http+unix://${folder}/s:/path/`);
    expect(await backend.stat(KEY, { signal })).toMatchObject({ sizeBytes: 5 });
    await backend.close();
    const nowhere = await openBackend(`rest:http+unix://${folder}/t:/path/`);
    await expect(nowhere.stat(KEY, { signal })).rejects.toMatchObject({ code: "STORAGE_NO_PLACE" });
    await rm(folder, { recursive: true });
  });

  test("whose host does not exist is an error at once", async () => {
    const backend = await openBackend("rest:http://host.invalid/");
    const error: unknown = await backend.stat(KEY, { signal }).catch((thrown: unknown) => thrown);
    expect(isHoldfastError(error) && error.code).toMatch(/^STORAGE_(NO_PLACE|UNAVAILABLE)$/);
    await backend.close();
  });
});

test("credentials are in no error", async () => {
  const http = client(1, { authorization: new Secret("Basic geheim") });
  const error = await textOf(http, "/").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
  expect(JSON.stringify(error)).not.toContain("geheim");
});
