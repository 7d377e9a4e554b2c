/** HTTPS through a proxy, by CONNECT. The server is Node's own, with a certificate for a name that only the proxy knows. */
import { rmSync } from "node:fs";
import { type Server, createServer } from "node:http";
import { type Server as TlsServer, createServer as createTlsServer } from "node:https";
import { type AddressInfo, type Socket, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_SURROUNDINGS, type Surroundings, openBackend } from "../../src/location.ts";
import { TestAuthority } from "../../src/testing/certificates.ts";
import { unaborted } from "../../src/testing/conformance-subject.ts";
import { hasProgram } from "../../src/testing/server-program.ts";

const HOST = "backup.invalid";
const CONFIG = { type: "config", name: "" } as const;
const LOGIN = `Basic ${Buffer.from("me:geheim").toString("base64")}`;

describe.skipIf(!hasProgram("openssl"))("a proxy for HTTPS", () => {
  let authority: TestAuthority;
  let target: TlsServer;
  let proxy: Server;
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let answer: "tunnel" | "refuse" | "drop" = "tunnel";

  beforeAll(async () => {
    authority = new TestAuthority();
    const { cert, key } = authority.sign("target", `DNS:${HOST}`);
    target = createTlsServer({ cert, key }, (_, response) =>
      response.writeHead(200, { "content-length": "155" }).end(),
    );
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    const { port } = target.address() as AddressInfo;
    proxy = createServer((_, response) => response.writeHead(500).end());
    proxy.on("connect", (request, client: Socket) => {
      asked.push(request.url ?? "");
      sockets.add(client);
      client.on("error", () => {});
      if (answer === "drop") {
        client.destroy();
        return;
      }
      const isKnown = request.headers["proxy-authorization"] === LOGIN;
      if (answer === "refuse" || !isKnown) {
        const status = answer === "refuse" ? "502 Bad Gateway" : "407 Proxy Authentication Required";
        client.end(`HTTP/1.1 ${status}\r\n\r\n`);
        return;
      }
      const server = connect(port, "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        server.pipe(client).pipe(server);
      });
      server.on("error", () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    target.closeAllConnections();
    await new Promise((resolve) => target.close(resolve));
    await new Promise((resolve) => proxy.close(resolve));
    rmSync(authority.folder, { recursive: true });
  });

  async function ask(login: string, more: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const { port } = proxy.address() as AddressInfo;
    const variables: Record<string, string> = { https_proxy: `http://${login}127.0.0.1:${port}`, ...more };
    const options: Record<string, string> = { "tls.cacert": authority.file };
    const surroundings: Surroundings = {
      ...NO_SURROUNDINGS,
      variable: (name) => variables[name],
      option: (name) => options[name],
    };
    const backend = await openBackend(`rest:https://${HOST}/x/`, surroundings);
    const outcome: unknown = await backend.stat(CONFIG, unaborted()).catch((error: unknown) => error);
    await backend.close();
    return outcome;
  }

  test("is asked for a tunnel, through which the certificate is that of the server", async () => {
    answer = "tunnel";
    expect(await ask("me:geheim@")).toMatchObject({ sizeBytes: 155 });
    expect(asked.at(-1)).toBe(`${HOST}:443`);
  });

  test.each(["me:wrong@", ""])(
    "that does not know who '%s' is ends the run at once, and no message repeats the login",
    async (login) => {
      answer = "tunnel";
      const error = await ask(login);
      expect(error).toMatchObject({ code: "STORAGE_CREDENTIALS_REFUSED", transient: false });
      expect(JSON.stringify(error)).not.toContain("wrong");
    },
  );

  test.each(["refuse", "drop"] as const)("that makes no connection (%s) may make one later", async (how) => {
    answer = how;
    expect(await ask("me:geheim@")).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
  });

  test("is left out where NO_PROXY says so", async () => {
    answer = "tunnel";
    const before = asked.length;
    expect(await ask("me:geheim@", { no_proxy: `other.invalid,${HOST}` })).toMatchObject({
      code: expect.stringMatching(/^STORAGE_(NO_PLACE|UNAVAILABLE)$/),
    });
    expect(asked.length).toBe(before);
  });
});
