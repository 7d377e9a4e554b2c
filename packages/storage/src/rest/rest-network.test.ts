/** The REST client on a bad network: a proxy that cuts, ends early, stalls, delays and repeats stands before rclone. */
import { mkdir } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bytesSource, loadBytes } from "../bytes-source.ts";
import { RetryBackend } from "../decorators/retry.ts";
import { parseHttpAddress } from "../http/http-address.ts";
import { PLAIN_SETTINGS } from "../http/http-settings.ts";
import { expectAbsent, expectBytes, put } from "../testing/conformance-subject.ts";
import { type ConnectionFault, FaultProxy } from "../testing/fault-proxy.ts";
import { networkConformance, patienceOf } from "../testing/network-conformance.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { type RunningServer, hasProgram, startServer } from "../testing/server-program.ts";
import { RestBackend } from "./rest-backend.ts";

const signal = new AbortController().signal;
const MIB = 1024 * 1024;

describe.skipIf(!hasProgram("rclone"))("on a bad network", () => {
  let server: RunningServer;
  let proxy: FaultProxy;
  let places = 0;

  beforeAll(async () => {
    server = await startServer({
      program: "rclone",
      args: ({ port, folder }) => [
        "serve",
        "restic",
        join(folder, "data"),
        "--addr",
        `127.0.0.1:${port}`,
        "--config",
        "/dev/null",
      ],
      async prepare({ folder }) {
        await mkdir(join(folder, "data"));
      },
    });
    proxy = await FaultProxy.start(server.port);
  });
  afterEach(() => {
    proxy.choose = () => undefined;
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });

  async function place(): Promise<{ backend: RestBackend; direct: RestBackend }> {
    const name = `place${places++}`;
    const open = (port: number): RestBackend =>
      new RestBackend({
        address: parseHttpAddress("rest", `http://127.0.0.1:${port}/${name}/`),
        settings: PLAIN_SETTINGS,
        // Past the proxy nothing stands still: the server gets the time that it needs.
        ...(port === server.port ? {} : { patience: { progressMs: 1000, answerMs: 1500 } }),
      });
    const direct = open(server.port);
    await direct.initialize({ signal });
    return { direct, backend: open(proxy.port) };
  }

  const faults: readonly ConnectionFault[] = [
    { kind: "refuse" },
    { kind: "cut", direction: "down", afterBytes: 10 },
    { kind: "cut", direction: "down", afterBytes: 700_000 },
    { kind: "truncate", direction: "down", afterBytes: 700_000 },
    { kind: "stall", direction: "down", afterBytes: 700_000 },
    { kind: "stall", direction: "down", afterBytes: 0 },
  ];

  test.each(faults)("a load that meets %o fails as one that may be repeated, and then is whole", async (fault) => {
    const { backend, direct } = await place();
    const file = sampleFile("pack", 2 * MIB);
    await put(direct, file);
    proxy.choose = () => fault;
    const failed: unknown = await loadBytes(backend, file.key, undefined, { signal }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
    let tries = 0;
    proxy.choose = () => (tries++ < 2 ? fault : undefined);
    const patient = new RetryBackend(backend, { initialDelayMs: 1 });
    expectBytes(await loadBytes(patient, file.key, undefined, { signal }), file.bytes);
    await Promise.all([backend.close(), direct.close()]);
  });

  const uploads: readonly ConnectionFault[] = [
    { kind: "cut", direction: "up", afterBytes: 500_000 },
    { kind: "truncate", direction: "up", afterBytes: 500_000 },
    { kind: "stall", direction: "up", afterBytes: 500_000 },
  ];

  test.each(uploads)(
    "a save that meets %o fails as one that may be repeated, leaves nothing, and then is whole",
    async (fault) => {
      const { backend, direct } = await place();
      const file = sampleFile("pack", 2 * MIB);
      proxy.choose = () => fault;
      const failed: unknown = await put(backend, file).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
      proxy.cutAll();
      // The server may only now begin with what has arrived, and takes it back when it sees that no more comes.
      await setTimeout(500);
      const listed = async (): Promise<number> => (await Array.fromAsync(direct.list("pack", { signal }))).length;
      await expect.poll(listed, { timeout: 10_000 }).toBe(0);
      await expectAbsent(direct, file.key);
      let tries = 0;
      proxy.choose = () => (tries++ < 2 ? fault : undefined);
      await put(new RetryBackend(backend, { initialDelayMs: 1 }), file);
      expectBytes(await loadBytes(direct, file.key, undefined, { signal }), file.bytes);
      await Promise.all([backend.close(), direct.close()]);
    },
  );

  test("a save whose answer gets lost is repeated, also one that must not replace", async () => {
    const { backend, direct } = await place();
    const file = sampleFile("config", 155);
    let tries = 0;
    // The first connection asks whether it is there, and then saves.
    proxy.choose = () => (tries++ === 0 ? { kind: "cut", direction: "down", afterBytes: 250 } : undefined);
    const patient = new RetryBackend(backend, { initialDelayMs: 1 });
    await patient.save(file.key, bytesSource(file.bytes), { signal, ifAbsent: true });
    expectBytes(await loadBytes(direct, file.key, undefined, { signal }), file.bytes);
    await Promise.all([backend.close(), direct.close()]);
  });

  test("a list that is cut off never passes for a whole one", async () => {
    const { backend, direct } = await place();
    const files = Array.from({ length: 200 }, (_, seed) => sampleFile("snapshot", 100, seed));
    await Promise.all(files.map((file) => put(direct, file)));
    for (const kind of ["cut", "truncate", "stall"] as const) {
      proxy.cutAll();
      proxy.choose = () => ({ kind, direction: "down", afterBytes: 9000 });
      await expect(Array.fromAsync(backend.list("snapshot", { signal }))).rejects.toMatchObject({ transient: true });
      let tries = 0;
      proxy.choose = () => (tries++ === 0 ? { kind, direction: "down", afterBytes: 9000 } : undefined);
      const names = await Array.fromAsync(
        new RetryBackend(backend, { initialDelayMs: 1 }).list("snapshot", { signal }),
      );
      expect(names.length).toBe(200);
    }
    await Promise.all([backend.close(), direct.close()]);
  });

  test("bytes that come twice are never handed on beyond what was asked for", async () => {
    const { backend, direct } = await place();
    const file = sampleFile("pack", 300_000);
    await put(direct, file);
    for (const atByte of [0, 100, 100_000, 250_000]) {
      proxy.choose = () => ({ kind: "duplicate", direction: "down", atByte });
      const outcome: unknown = await loadBytes(backend, file.key, { offset: 10, length: 200_000 }, { signal }).catch(
        (error: unknown) => error,
      );
      // What came in place of the right bytes is for the hashes of the repository to find out.
      if (outcome instanceof Uint8Array) expect(outcome.length).toBe(200_000);
      else expect(isHoldfastError(outcome)).toBe(true);
    }
    await Promise.all([backend.close(), direct.close()]);
  });

  test("that is slow, but moves, nothing fails", async () => {
    const { backend, direct } = await place();
    const file = sampleFile("pack", MIB);
    proxy.choose = () => ({ kind: "delay", direction: "up", ms: 5 });
    await put(backend, file);
    expectBytes(await loadBytes(backend, file.key, undefined, { signal }), file.bytes);
    await Promise.all([backend.close(), direct.close()]);
  });
});

describe.skipIf(!hasProgram("rclone"))("rclone serve restic", () => {
  networkConformance("RestBackend", async () => {
    const server = await startServer({
      program: "rclone",
      args: ({ port, folder }) => {
        const served = join(folder, "data");
        return ["serve", "restic", served, "--addr", `127.0.0.1:${port}`, "--config", "/dev/null"];
      },
    });
    return {
      port: server.port,
      open: async (place, { host, port, patienceMs }) =>
        new RestBackend({
          address: parseHttpAddress("rest", `http://${host}:${port}/${place}/`),
          settings: PLAIN_SETTINGS,
          ...patienceOf(patienceMs),
        }),
      stop: () => server.stop(),
    };
  });
});
