/** Uploads: what becomes visible, and what does not. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { makeDen, put, sample } from "./sample.ts";
import { startProcess } from "./server-process.ts";
import { type TestServer, afterTest, askUrl, authorization, startServer } from "./test-server.ts";

/** Sends the head of an upload and some of its body, and leaves the rest to the caller. */
async function startUpload(url: string, path: string, length: number, bytes: Uint8Array) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.on("error", () => {});
  afterTest(async () => void socket.destroy());
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: x",
    `Authorization: ${authorization("append-only")}`,
    `Content-Length: ${length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.write(bytes);
  return socket;
}

async function hiddenFiles({ root }: TestServer): Promise<string[]> {
  const entries = await readdir(join(root, "den/data"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe("an upload", () => {
  test.each([0, 1, 1000, 1024 * 1024, 3 * 1024 * 1024 + 1])(
    "of %i bytes whose name is not its hash is refused",
    async (size) => {
      const served = await startServer();
      await makeDen(served);
      for (const type of ["pack", "index", "snapshot", "key", "lock", "forgotten", "hold", "evidence"] as const) {
        if (size > 200_000 && type !== "pack" && type !== "index") continue;
        const { path } = sample(type, size + 1, 3);
        const answer = await served.ask("admin", "POST", path, { body: sample(type, size, 4).bytes });
        expect([type, answer.status, answer.body.toString()]).toEqual([type, 400, expect.stringContaining("SHA-256")]);
        expect((await served.ask("admin", "HEAD", path)).status).toBe(404);
      }
      expect(await hiddenFiles(served)).toEqual([]);
    },
  );

  test("that comes again is answered as the first time, and changes nothing", async () => {
    const served = await startServer();
    await makeDen(served);
    const { path, bytes } = sample("pack", 2_000_000);
    expect((await put(served, "append-only", "pack", 2_000_000)).status).toBe(200);
    expect((await put(served, "append-only", "pack", 2_000_000)).status).toBe(200);
    const wrong = Buffer.from(bytes);
    wrong[1_999_999] = 1 + (wrong[1_999_999] ?? 0);
    expect((await served.ask("append-only", "POST", path, { body: wrong })).status).toBe(400);
    expect(Buffer.compare((await served.ask("append-only", "GET", path)).body, bytes)).toBe(0);
    const headers = { "if-none-match": "*" };
    expect((await served.ask("append-only", "POST", path, { body: bytes, headers })).status).toBe(412);
  });

  test("with If-None-Match of several at once stores one config", async () => {
    const served = await startServer();
    await served.ask("append-only", "POST", "/den/?create=true", { body: new Uint8Array(0) });
    const headers = { "if-none-match": "*" };
    const answers = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((seed) =>
        served.ask("append-only", "POST", "/den/config", { body: sample("config", 155, seed).bytes, headers }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412, 412, 412]);
    const winner = answers.findIndex(({ status }) => status === 200) + 1;
    const { body } = await served.ask("append-only", "GET", "/den/config");
    expect(Buffer.compare(body, sample("config", 155, winner).bytes)).toBe(0);
  });

  test("that is cut off leaves nothing", async () => {
    const served = await startServer();
    await makeDen(served);
    for (const size of [1000, 5_000_000]) {
      const { path, bytes } = sample("pack", size);
      const socket = await startUpload(served.server.url, path, size, bytes.subarray(0, size - 1));
      await sleep(100);
      socket.destroy();
      const isNoted = (): unknown => served.log.find(({ error }) => error?.code === "SERVER_CUT");
      await expect.poll(isNoted, { timeout: 10_000 }).toBeDefined();
      expect((await served.ask("append-only", "HEAD", path)).status).toBe(404);
      expect(await hiddenFiles(served)).toEqual([]);
      expect((await put(served, "append-only", "pack", size)).status).toBe(200);
      served.log.splice(0);
      await rm(join(served.root, "den/data"), { recursive: true });
    }
  });

  test("that stalls is ended, and so is a download that nobody takes", async () => {
    const served = await startServer({ idleMs: 300 });
    await makeDen(served);
    const { path, bytes } = sample("pack", 30_000_000);
    const socket = await startUpload(served.server.url, path, bytes.length, bytes.subarray(0, 2_000_000));
    const said: Buffer[] = [];
    socket.on("data", (part: Buffer) => said.push(part));
    await once(socket, "close");
    expect(Buffer.concat(said).toString()).toContain("408");
    expect(await hiddenFiles(served)).toEqual([]);

    expect((await put(served, "append-only", "pack", 30_000_000)).status).toBe(200);
    const { hostname, port } = new URL(served.server.url);
    const reader = connect(Number(port), hostname);
    reader.pause();
    reader.on("error", () => {});
    reader.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization("append-only")}\r\n\r\n`);
    await expect
      .poll(() => served.log.find(({ method, error }) => method === "GET" && error?.code === "SERVER_STALLED"), {
        timeout: 5000,
      })
      .toMatchObject({ complete: false });
    reader.destroy();
  });

  test.each([
    ["no length", { "transfer-encoding": "chunked" }, 411],
    ["more than a lock may have", { "content-length": "10000000" }, 413],
  ])("with %s is refused before it is read", async (_, headers, status) => {
    const served = await startServer();
    await makeDen(served);
    const { path } = sample("lock");
    const { hostname, port } = new URL(served.server.url);
    const asked = request({
      hostname,
      port,
      method: "POST",
      path,
      agent: false,
      headers: { ...headers, authorization: authorization("admin") },
    });
    asked.on("error", () => {});
    asked.write("x");
    const [response] = (await once(asked, "response")) as [{ statusCode: number }];
    expect(response.statusCode).toBe(status);
    asked.destroy();
  });
});

describe("a server in a process of its own", () => {
  test("that is killed in the middle of an upload leaves nothing that can be seen", async () => {
    const { root, clientsFile, server } = await startServer();
    await server.close({ graceMs: 0 });
    const first = await startProcess(root, clientsFile);
    await askUrl(first.url, "append-only", "POST", "/den/?create=true", { body: new Uint8Array(0) });
    const { path, bytes } = sample("pack", 8_000_000);
    for (const sent of [10, 4_000_000, 7_999_999]) {
      const running = sent === 10 ? first : await startProcess(root, clientsFile);
      await startUpload(running.url, path, bytes.length, bytes.subarray(0, sent));
      await sleep(150);
      running.child.kill("SIGKILL");
      await once(running.child, "exit");
    }
    const last = await startProcess(root, clientsFile);
    expect((await askUrl(last.url, "append-only", "HEAD", path)).status).toBe(404);
    expect((await askUrl(last.url, "append-only", "GET", "/den/data/")).body.toString()).toBe("[]");
    expect((await askUrl(last.url, "append-only", "POST", path, { body: bytes })).status).toBe(200);
    expect((await stat(join(root, "den/data", sample("pack", 8_000_000).name.slice(0, 2)))).isDirectory()).toBe(true);
  });

  test("takes and gives a file of 128 MiB, four at once, in bounded memory", async () => {
    const { root, clientsFile, server } = await startServer();
    await server.close({ graceMs: 0 });
    const { url, maxRssKib } = await startProcess(root, clientsFile);
    await askUrl(url, "append-only", "POST", "/den/?create=true", { body: new Uint8Array(0) });
    const before = await maxRssKib();
    const bytes = Buffer.alloc(128 * 1024 * 1024);
    await Promise.all(
      [1, 2, 3, 4].map(async (seed) => {
        const body = Buffer.from(bytes);
        body[0] = seed;
        const name = createHash("sha256").update(body).digest("hex");
        expect((await askUrl(url, "append-only", "POST", `/den/data/${name}`, { body })).status).toBe(200);
        expect((await askUrl(url, "append-only", "GET", `/den/data/${name}`)).body.length).toBe(body.length);
      }),
    );
    const grownMib = ((await maxRssKib()) - before) / 1024;
    console.log(`512 MiB each way: memory grew by ${grownMib.toFixed(0)} MiB`);
    expect(grownMib).toBeLessThan(160);
  }, 120_000);
});
