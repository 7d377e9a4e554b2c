/** Which servers are trusted. */
import { rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { NO_SURROUNDINGS, openBackend } from "../location.ts";
import { TestAuthority, type TestCertificate } from "../testing/certificates.ts";
import { hasProgram } from "../testing/server-program.ts";

const signal = new AbortController().signal;

describe.skipIf(!hasProgram("openssl"))("a server with TLS", () => {
  let authority: TestAuthority;
  let good: TestCertificate;
  let server: Server | undefined;

  beforeAll(() => {
    authority = new TestAuthority();
    good = authority.sign("good", "DNS:localhost,IP:127.0.0.1");
  });
  afterAll(() => rmSync(authority.folder, { recursive: true }));
  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
    server = undefined;
  });

  async function serve({ cert, key }: TestCertificate, more: object = {}): Promise<number> {
    server = createServer({ cert, key, ...more }, (_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }

  /** Asks for a file that is not there: `undefined` is a success. */
  async function ask(port: number, options: Readonly<Record<string, string>>, host = "127.0.0.1"): Promise<unknown> {
    const surroundings = { ...NO_SURROUNDINGS, option: (name: string) => options[name] };
    try {
      const backend = await openBackend(`rest:https://${host}:${port}/`, surroundings);
      try {
        return await backend.stat({ type: "config", name: "" }, { signal });
      } finally {
        await backend.close();
      }
    } catch (error) {
      return error;
    }
  }

  const untrusted = { code: "STORAGE_UNTRUSTED", transient: false };

  test("is trusted when the authority that signed it is given, and else is not, at once", async () => {
    const port = await serve(good);
    expect(await ask(port, { "tls.cacert": authority.file })).toBeUndefined();
    expect(await ask(port, { "tls.cacert": authority.file }, "localhost")).toBeUndefined();
    const error = await ask(port, {});
    expect(error).toMatchObject({ ...untrusted, hint: expect.stringContaining("--cacert") });
  });

  test.each([
    ["that has expired", "DNS:localhost,IP:127.0.0.1", -1, "expired"],
    ["for another host", "DNS:other.invalid", 1, "another host"],
  ])("whose certificate is one %s is not trusted", async (_, names, days, reason) => {
    const port = await serve(authority.sign("bad", names, days));
    const error = await ask(port, { "tls.cacert": authority.file });
    expect(error).toMatchObject(untrusted);
    expect(String(error)).toContain(reason);
    expect(await ask(port, { "tls.insecure": "true" })).toBeUndefined();
  });

  test("may ask for a certificate of the client", async () => {
    const port = await serve(good, { ca: good.cert, requestCert: true, rejectUnauthorized: true });
    const { cert, key } = authority.sign("client", "DNS:client");
    const { readFileSync } = await import("node:fs");
    server?.setSecureContext({ ...good, ca: readFileSync(authority.file, "utf8") });
    const file = join(authority.folder, "client-both.pem");
    writeFileSync(file, cert + key);
    expect(await ask(port, { "tls.cacert": authority.file, "tls.client-cert": file })).toBeUndefined();
    expect(await ask(port, { "tls.cacert": authority.file })).toMatchObject({
      code: "STORAGE_CREDENTIALS_REFUSED",
      transient: false,
    });
  });

  test.each([
    [{ "tls.cacert": "/nowhere.pem" }],
    [{ "tls.cacert": import.meta.filename }],
    [{ "tls.client-cert": import.meta.filename }],
    [{ "tls.insecure": "yes" }],
  ])("is not asked when an option is wrong: %j", async (options) => {
    expect(await ask(1, options)).toMatchObject({ code: "STORAGE_INVALID_OPTION" });
  });

  test("is not what speaks plain HTTP", async () => {
    const { createServer: plain } = await import("node:http");
    const other = plain((_, response) => response.end());
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const error = await ask((other.address() as AddressInfo).port, {});
    expect(error).toMatchObject({ code: "STORAGE_FAILED", transient: false });
    expect(String(error)).toContain("http://");
    await new Promise((resolve) => other.close(resolve));
  });
});
