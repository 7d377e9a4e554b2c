import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/backend.ts";
import { bytesSource } from "../../src/bytes-source.ts";
import { composeBackend } from "../../src/compose.ts";
import { openBackend } from "../../src/location.ts";
import { expectAbsent, expectBytes, expectCode, get, put, unaborted } from "../../src/testing/conformance-subject.ts";
import { sampleBytes, sampleFile } from "../../src/testing/sample-files.ts";
import { SlowLink } from "./slow-link.ts";
import { SFTP_SERVER, SshServer, hasSshServer } from "../../src/testing/ssh-server.ts";

describe.skipIf(!hasSshServer())("a repository by SFTP", () => {
  let server: SshServer;
  let folders = 0;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    server = await SshServer.start();
  });

  afterEach(async () => {
    for (const one of opened.splice(0).toReversed()) await one.close();
  });

  afterAll(() => server.stop());

  async function repository({ port = server.port, options = {} } = {}): Promise<{ backend: Backend; root: string }> {
    const root = join(server.root, `repository-${folders++}`);
    const backend = await openBackend(server.url(root, port), server.surroundings(options));
    opened.push(backend);
    await backend.initialize(unaborted());
    return { backend, root };
  }

  async function link(delayMs = 0): Promise<SlowLink> {
    const slow = await SlowLink.to(server.port, delayMs);
    opened.push(slow);
    server.trust(slow.port);
    return slow;
  }

  test("fails in a way that may pass when the connection is cut, and goes on over a new one", async () => {
    const slow = await link();
    const { backend } = await repository({ port: slow.port });
    const file = sampleFile("pack", 8 * 1024 * 1024);
    const before = slow.sent;
    slow.onSent = () => {
      if (slow.sent - before > 2 * 1024 * 1024) slow.cut();
    };
    await expect(put(backend, file)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
    slow.onSent = undefined;
    await expectAbsent(backend, file.key);
    await put(backend, file);
    expectBytes(await get(backend, file.key), file.bytes);
  });

  test("comes through cuts in the middle of saves and loads when calls are repeated", async () => {
    const slow = await link();
    const { backend: raw } = await repository({ port: slow.port });
    const backend = composeBackend(raw, { retry: { initialDelayMs: 10 } });
    let cuts = 0;
    const timer = setInterval(() => {
      if (cuts++ < 6) slow.cut();
    }, 150);
    try {
      const files = Array.from({ length: 12 }, (_, seed) => sampleFile("pack", 3_000_000 + seed, seed));
      await Promise.all(files.map((file) => put(backend, file)));
      for (const { key, bytes } of files) expectBytes(await get(backend, key), bytes);
      for (const { key } of files) await backend.remove(key, unaborted());
    } finally {
      clearInterval(timer);
    }
    expect(cuts).toBeGreaterThan(0);
  });

  test("leaves no temporary file after an abort, and ends it at once on a slow way", async () => {
    const slow = await link(50);
    const { backend, root } = await repository({ port: slow.port });
    const file = sampleFile("pack", 6 * 1024 * 1024);
    const aborter = new AbortController();
    const reason = new Error("stopped by the test");
    const before = slow.sent;
    slow.onSent = () => {
      if (slow.sent - before > 1024 * 1024) aborter.abort(reason);
    };
    const outcome = await backend
      .save(file.key, bytesSource(file.bytes), { signal: aborter.signal })
      .catch((error: unknown) => error);
    expect(outcome).toBe(reason);
    slow.onSent = undefined;
    expect(readdirSync(join(root, "data", file.key.name.slice(0, 2)))).toEqual([]);
    await put(backend, file);
    const loading = new AbortController();
    setTimeout(() => loading.abort(reason), 60);
    const started = performance.now();
    const loaded = await backend
      .load(file.key, undefined, async () => "all of it", { signal: loading.signal })
      .catch((error: unknown) => error);
    expect(loaded).toBe(reason);
    expect(performance.now() - started).toBeLessThan(500);
  });

  test("does not write into the memory of a load that was aborted", async () => {
    const slow = await link(40);
    const { backend } = await repository({ port: slow.port });
    const file = sampleFile("pack", 1024 * 1024);
    await put(backend, file);
    const into = new Uint8Array(file.bytes.length);
    const aborter = new AbortController();
    setTimeout(() => aborter.abort(new Error("stopped")), 100);
    const range = { offset: 0, length: into.length };
    const loading = backend.load(file.key, range, async () => "all of it", { signal: aborter.signal, into });
    await loading.catch(() => {});
    const atAbort = into.slice();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expectBytes(into, atAbort);
  });

  test("gives up a server that has stopped to answer", async () => {
    const slow = await link();
    const { backend } = await repository({ port: slow.port, options: { "sftp.timeout": "1" } });
    slow.hold();
    await expect(backend.stat({ type: "config", name: "" }, unaborted())).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      transient: true,
    });
  });

  test("works with a single channel, and with a server that allows no more", async () => {
    const narrow = await SshServer.start({ lines: ["MaxSessions 1"] });
    try {
      const backend = await openBackend(narrow.url(join(narrow.root, "x")), narrow.surroundings());
      await backend.initialize(unaborted());
      const files = Array.from({ length: 10 }, (_, seed) => sampleFile("pack", 100_000 + seed, seed));
      await Promise.all(files.map((file) => put(backend, file)));
      await Promise.all(files.map(async ({ key, bytes }) => expectBytes(await get(backend, key), bytes)));
      await backend.close();
    } finally {
      await narrow.stop();
    }
  });

  test("says what is refused on a server that only reads", async () => {
    const { backend: writer, root } = await repository();
    const file = sampleFile("index", 1000);
    await put(writer, file);
    const command = `${SFTP_SERVER} -R`;
    const reader = await openBackend(`sftp:host:${root}`, server.surroundings({ "sftp.command": command }));
    opened.push(reader);
    expectBytes(await get(reader, file.key), file.bytes);
    await expectCode(put(reader, sampleFile("index", 1001)), "STORAGE_PERMISSION");
    await expectCode(reader.remove(file.key, unaborted()), "STORAGE_PERMISSION");
    expectBytes(await get(reader, file.key), file.bytes);
  });

  test("does without the extensions of OpenSSH", async () => {
    const { root } = await repository();
    // The server is started without the requests that these extensions are.
    const denied = "posix-rename,hardlink,fsync,limits,statvfs";
    const plain = await openBackend(
      `sftp:host:${root}`,
      server.surroundings({ "sftp.command": `${SFTP_SERVER} -P ${denied}` }),
    );
    opened.push(plain);
    const first = { key: { type: "config", name: "" } as const, bytes: sampleBytes(1000, 1) };
    await plain.save(first.key, bytesSource(first.bytes), { ...unaborted(), ifAbsent: true });
    await expectCode(
      plain.save(first.key, bytesSource(sampleBytes(1000, 2)), { ...unaborted(), ifAbsent: true }),
      "STORAGE_EXISTS",
    );
    expectBytes(await get(plain, first.key), first.bytes);
    expect(plain.capabilities.conditionalPut).toBe(false);
    const second = { key: first.key, bytes: sampleBytes(1000, 3) };
    await put(plain, second);
    expectBytes(await get(plain, first.key), second.bytes);
  });

  test("is not made where a file lies, and never in a folder that is not there", async () => {
    const { backend, root } = await repository();
    await put(backend, sampleFile("index", 10));
    const odd = await openBackend(
      server.url(join(root, "index", sampleFile("index", 10).key.name)),
      server.surroundings(),
    );
    opened.push(odd);
    await expectCode(odd.initialize(unaborted()), "STORAGE_NOT_A_FOLDER");
    const absent = await openBackend(server.url(join(server.root, "not-mounted")), server.surroundings());
    opened.push(absent);
    await expectCode(put(absent, sampleFile("index", 10)), "STORAGE_NO_FOLDER");
    expect(readdirSync(server.root)).not.toContain("not-mounted");
  });

  test.skipIf(process.getuid?.() !== 0)("says that the disk is full, and leaves nothing", async () => {
    const root = join(server.root, `small-${folders++}`);
    mkdirSync(root);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", root]);
    try {
      const backend = await openBackend(server.url(root), server.surroundings());
      opened.push(backend);
      await backend.initialize(unaborted());
      const file = sampleFile("pack", 8 * 1024 * 1024);
      await expectCode(put(backend, file), "STORAGE_FULL");
      await expectAbsent(backend, file.key);
      expect(readdirSync(join(root, "data", file.key.name.slice(0, 2)))).toEqual([]);
      await put(backend, sampleFile("pack", 1024 * 1024));
      await backend.close();
    } finally {
      execFileSync("umount", ["-l", root]);
    }
  });
});
