/** Running the server: who gets in, paths, lists, ranges, log, metrics, reloading, ending. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect as connectTls } from "node:tls";
import { connect as connectHttp2 } from "node:http2";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { NO_SURROUNDINGS } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { fileLog } from "../src/repository-server/access-log.ts";
import { hashPassword } from "../src/repository-server/client-secrets.ts";
import { writeClients } from "../src/repository-server/clients-file.ts";
import { RepositoryServer } from "../src/repository-server/repository-server.ts";
import { isInstalled, makeCertificate } from "./programs.ts";
import { makeDen, put, sample } from "./sample.ts";
import { CLIENTS, afterTest, askUrl, authorization, scratch, startServer } from "./test-server.ts";

const testOpenssl = isInstalled("openssl") ? test : test.skip;

describe("who gets in", () => {
  test("only who gives the right name with the right token or password", async () => {
    const passwordHash = await hashPassword("pässword:with colon");
    const served = await startServer({
      clients: [...CLIENTS, { name: "person", role: "restore", repositories: ["*"], passwordHash }],
    });
    await makeDen(served);
    const status = async (header: Record<string, string>) =>
      (await served.ask(undefined, "HEAD", "/den/config", { headers: header })).status;
    expect(await status({ authorization: authorization("person", "pässword:with colon") })).toBe(200);
    for (const header of [
      {},
      { authorization: authorization("person", "wrong") },
      { authorization: authorization("person", "") },
      { authorization: authorization("nobody", "pässword:with colon") },
      { authorization: authorization("restore", "token of admin") },
      { authorization: authorization("constructor", "x") },
      { authorization: "Basic !!!" },
      { authorization: "Bearer token of admin" },
    ]) {
      expect(await status(header)).toBe(401);
    }
    const { headers } = await served.ask(undefined, "GET", "/den/config");
    expect(headers["www-authenticate"]).toMatch(/^Basic /);
    expect(headers["holdfast-rest"]).toMatch(/^1; features="/);
  });

  test("a password is verified once, and then remembered: hundreds of requests do not pay for it again", async () => {
    const passwordHash = await hashPassword("slow");
    const served = await startServer({
      clients: [...CLIENTS, { name: "person", role: "restore", repositories: ["*"], passwordHash }],
    });
    await makeDen(served);
    const ask = () =>
      served.ask(undefined, "HEAD", "/den/config", { headers: { authorization: authorization("person", "slow") } });
    await ask();
    const started = performance.now();
    for (let n = 0; n < 200; n++) expect((await ask()).status).toBe(200);
    expect((performance.now() - started) / 200).toBeLessThan(20);
  });

  test("changes of the file of clients count within seconds, and a bad file changes nothing", async () => {
    const problems: string[] = [];
    const served = await startServer({ onProblem: (text) => problems.push(text) });
    await makeDen(served);
    await writeFile(served.clientsFile, "{ not JSON");
    await expect.poll(() => problems.length, { timeout: 8000 }).toBe(1);
    expect((await served.ask("restore", "HEAD", "/den/config")).status).toBe(200);
    await writeClients(
      served.clientsFile,
      CLIENTS.filter(({ name }) => name !== "restore"),
    );
    await expect
      .poll(async () => (await served.ask("restore", "HEAD", "/den/config")).status, { timeout: 8000 })
      .toBe(401);
    await writeClients(served.clientsFile, CLIENTS);
    await served.server.reload();
    expect((await served.ask("restore", "HEAD", "/den/config")).status).toBe(200);
  });

  test("everybody, in one role, with --anonymous", async () => {
    const served = await startServer({ access: { anonymous: "append-only" } });
    await served.ask(undefined, "POST", "/den/?create=true", { body: new Uint8Array(0) });
    const { path, bytes } = sample("pack");
    expect((await served.ask(undefined, "POST", path, { body: bytes })).status).toBe(200);
    expect((await served.ask(undefined, "DELETE", path)).status).toBe(403);
  });
});

describe("what is not safe is refused", () => {
  const start = (options: object) =>
    RepositoryServer.start({
      root: "/nowhere",
      surroundings: NO_SURROUNDINGS,
      listen: { host: "0.0.0.0", port: 0 },
      access: { clientsFile: "/nowhere" },
      ...options,
    });

  test("other addresses without TLS, everybody from other machines, metrics for other machines", async () => {
    await expect(start({})).rejects.toMatchObject({ code: "SERVER_INSECURE" });
    await expect(start({ listen: { host: "::", port: 0 } })).rejects.toMatchObject({ code: "SERVER_INSECURE" });
    const anonymous = { access: { anonymous: "restore" }, allowPlainHttp: true };
    await expect(start(anonymous)).rejects.toMatchObject({ code: "SERVER_INSECURE" });
    const metrics = { listen: { host: "127.0.0.1", port: 0 }, metrics: { host: "0.0.0.0", port: 0 } };
    await expect(start(metrics)).rejects.toMatchObject({ code: "SERVER_INSECURE" });
    await expect(start({ allowPlainHttp: true })).rejects.toMatchObject({ code: "SERVER_NO_ROOT" });
  });

  test("a file of clients that others can read", async () => {
    const served = await startServer();
    await chmod(served.clientsFile, 0o644);
    const again = startServer({ access: { clientsFile: served.clientsFile }, root: served.root });
    await expect(again).rejects.toMatchObject({ code: "SERVER_CLIENTS_FILE_OPEN" });
  });
});

describe("paths", () => {
  test.each([
    "/../etc/passwd",
    "/den/../../x/config",
    "/den/%2e%2e/config",
    "/den/data/../../../config",
    "/den//config",
    "/.holdfast-server/config",
    "/den/.hidden/config",
    "/den/data/xyz",
    `/den/data/${"A".repeat(64)}`,
    `/den/data/${"a".repeat(63)}`,
    `/den/data/aa/${"a".repeat(64)}`,
    `/den/data/${"a".repeat(64)}/x`,
    `/den/holdfast/other/${"a".repeat(64)}`,
    "/den/holdfast/",
    "/den/config/x",
    "/den/a\\b/config",
    "/den\u007f/config",
    `/${"a/".repeat(9)}config`,
    `/${"a".repeat(200)}/config`,
    "/den/data\\..\\x",
  ])("%s leads nowhere", async (path) => {
    const served = await startServer();
    await makeDen(served);
    for (const method of ["GET", "POST", "DELETE"]) {
      const answer = await served.ask("admin", method, path, method === "POST" ? { body: Buffer.from("x") } : {});
      expect([path, method, answer.status]).toEqual([path, method, 400]);
    }
  });

  test("other methods are refused, and so is removing a whole repository", async () => {
    const served = await startServer();
    await makeDen(served);
    expect((await served.ask("admin", "DELETE", "/den/")).status).toBe(405);
    expect((await served.ask("admin", "POST", "/den/")).status).toBe(405);
    expect((await served.ask("admin", "PUT", "/den/config")).status).toBe(405);
    expect((await served.ask("admin", "POST", "/den/keys/")).status).toBe(405);
    expect((await served.ask("admin", "HEAD", "/den/config")).status).toBe(200);
  });

  test("the root itself can be a repository", async () => {
    const served = await startServer();
    expect((await served.ask("admin", "POST", "/?create=true", { body: new Uint8Array(0) })).status).toBe(200);
    expect((await served.ask("admin", "POST", "/config", { body: sample("config", 155).bytes })).status).toBe(200);
    expect((await served.ask("admin", "GET", "/config")).body.length).toBe(155);
  });
});

describe("reading", () => {
  test("gives ranges exactly, and refuses those outside of the file", async () => {
    const served = await startServer();
    await makeDen(served);
    await put(served, "append-only", "pack", 3_000_000);
    const { path, bytes } = sample("pack", 3_000_000);
    const range = async (text: string) => served.ask("append-only", "GET", path, { headers: { range: text } });
    for (const [text, from, to] of [
      ["bytes=0-0", 0, 1],
      ["bytes=10-1999999", 10, 2_000_000],
      ["bytes=2999990-", 2_999_990, 3_000_000],
      ["bytes=-5", 2_999_995, 3_000_000],
      ["bytes=2999999-9999999", 2_999_999, 3_000_000],
    ] as const) {
      const answer = await range(text);
      expect([answer.status, answer.headers["content-range"]]).toEqual([206, `bytes ${from}-${to - 1}/3000000`]);
      expect(answer.headers["content-length"]).toBe(String(to - from));
      expect(Buffer.compare(answer.body, bytes.subarray(from, to))).toBe(0);
    }
    for (const text of ["bytes=3000000-", "bytes=5-4", "bytes=-0"]) {
      const answer = await range(text);
      expect([text, answer.status, answer.headers["content-range"]]).toEqual([text, 416, "bytes */3000000"]);
    }
    for (const text of ["bytes=0-1,3-4", "lines=1-2", "bytes=-"])
      expect((await range(text)).body.length).toBe(3_000_000);
    expect((await served.ask("append-only", "GET", sample("pack", 10, 8).path)).status).toBe(404);
  });

  test("lists thousands of files, and what is not there as empty", async () => {
    const served = await startServer();
    await makeDen(served);
    const folder = join(served.root, "den/index");
    const expected = Array.from({ length: 5000 }, (_, seed) => seed.toString(16).padStart(64, "0"));
    for (const name of expected) await writeFile(join(folder, name), "x");
    const { body } = await served.ask("append-only", "GET", "/den/index/");
    expect((JSON.parse(body.toString()) as string[]).toSorted()).toEqual(expected);
    expect((await served.ask("append-only", "GET", "/nothing/holdfast/holds/")).body.toString()).toBe("[]");
  });
});

describe("log and metrics", () => {
  test("each request is a line with who, what and how it ended, and no secret", async () => {
    const folder = await scratch();
    const path = join(folder, "log");
    const log = fileLog(path);
    afterTest(async () => log.close());
    const served = await startServer({ log });
    await makeDen(served);
    await put(served, "append-only", "pack", 1234);
    await served.ask("append-only", "DELETE", sample("pack", 1234).path);
    await served.ask("append-only", "GET", '/den/data/%01%0a"evil');
    await served.ask("nobody", "GET", "/den/config");
    const text = await readFile(path, "utf8");
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.slice(3)).toMatchObject([
      {
        client: "append-only",
        method: "POST",
        repository: "den",
        type: "pack",
        status: 200,
        receivedBytes: 1234,
        complete: true,
      },
      { client: "append-only", method: "DELETE", status: 403, error: { code: "SERVER_APPEND_ONLY" } },
      { client: "append-only", method: "GET", status: 400, error: { code: "SERVER_BAD_NAME" } },
      { method: "GET", status: 401, error: { code: "SERVER_CREDENTIALS" } },
    ]);
    for (const secret of ["token of", Buffer.from("append-only:token of").toString("base64").slice(0, 20), "evil"]) {
      expect(text).not.toContain(secret);
    }
    await rename(path, `${path}.1`);
    await served.server.reload();
    await served.ask("append-only", "HEAD", "/den/config");
    expect((await readFile(path, "utf8")).trimEnd().split("\n")).toHaveLength(1);
  });

  test("Prometheus reads counts by client, refusals, quotas and the trash", async () => {
    const served = await startServer({
      metrics: { host: "127.0.0.1", port: 0 },
      clients: CLIENTS.map((client) => (client.name === "append-only" ? { ...client, quotaBytes: 5000 } : client)),
    });
    await makeDen(served);
    await put(served, "append-only", "pack", 1234);
    await served.ask("append-only", "DELETE", sample("pack", 1234).path);
    await served.ask("maintenance", "DELETE", sample("pack", 1234).path);
    const url = served.server.metricsUrl ?? "";
    const text = (await askUrl(url, undefined, "GET", "/metrics")).body.toString();
    for (const line of [
      'holdfast_requests_total{client="append-only",method="POST",status="200"} 4',
      'holdfast_received_bytes_total{client="append-only"} 1789',
      'holdfast_refused_total{client="append-only",code="SERVER_APPEND_ONLY"} 1',
      'holdfast_used_bytes{client="append-only"} 1789',
      'holdfast_quota_bytes{client="append-only"} 5000',
      "holdfast_trash_files 1",
      "holdfast_trash_bytes 1234",
      "holdfast_active_requests 0",
      "holdfast_clock_doubt 0",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect((await askUrl(url, undefined, "GET", "/den/config")).status).toBe(404);
    expect((await served.ask("admin", "GET", "/metrics")).status).toBe(405);
  });
});

describe("TLS", () => {
  const presented = async (url: string): Promise<string> => {
    const socket = connectTls({ host: "127.0.0.1", port: Number(new URL(url).port), rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };

  testOpenssl("speaks HTTP/2, and takes a new certificate without ending", async () => {
    const folder = await scratch();
    const certificate = await makeCertificate(folder);
    const problems: string[] = [];
    const { server } = await startServer({ certificate, onProblem: (text) => problems.push(text) });
    const session = connectHttp2(server.url, { rejectUnauthorized: false });
    const stream = session.request({ ":path": "/den/config", authorization: authorization("admin") });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(404);
    session.destroy();

    const first = await presented(server.url);
    await makeCertificate(folder);
    await server.reload();
    const second = await presented(server.url);
    expect(second).not.toBe(first);
    await writeFile(certificate.certificate, "broken");
    await server.reload();
    expect(problems).toHaveLength(1);
    expect(await presented(server.url)).toBe(second);
  });
});

describe("ending", () => {
  test("waits for what is under way, and takes nothing new", async () => {
    const served = await startServer();
    await makeDen(served);
    const { path, bytes } = sample("pack", 3_000_000);
    const { hostname, port } = new URL(served.server.url);
    const { request } = await import("node:http");
    const headers = { authorization: authorization("append-only"), "content-length": bytes.length };
    const upload = request({ hostname, port, path, method: "POST", headers, agent: false });
    upload.write(bytes.subarray(0, 1_000_000));
    await sleep(100);
    const closing = served.server.close({ graceMs: 5000 });
    await sleep(100);
    await expect(served.ask("append-only", "HEAD", "/den/config")).rejects.toThrow();
    upload.end(bytes.subarray(1_000_000));
    const [response] = (await once(upload, "response")) as [{ statusCode: number }];
    expect(response.statusCode).toBe(200);
    await closing;
  });

  test("breaks off what takes too long", async () => {
    const served = await startServer();
    await makeDen(served);
    const { request } = await import("node:http");
    const { hostname, port } = new URL(served.server.url);
    const { path } = sample("pack", 3_000_000);
    const headers = { authorization: authorization("append-only"), "content-length": 3_000_000 };
    const upload = request({ hostname, port, path, method: "POST", headers, agent: false });
    upload.on("error", () => {});
    upload.write("x");
    await sleep(100);
    const started = performance.now();
    await served.server.close({ graceMs: 200 });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test("a disk that is not mounted any more gets no new repository", async () => {
    const served = await startServer();
    await rename(served.root, `${served.root}-away`);
    afterTest(() => rm(`${served.root}-away`, { recursive: true, force: true }));
    await mkdir(served.root);
    const answer = await served.ask("admin", "POST", "/den/?create=true", { body: new Uint8Array(0) });
    expect(answer.status).toBe(500);
  });
});
