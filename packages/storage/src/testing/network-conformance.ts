/**
 * What every backend owes on a bad network, as tests: a proxy before its real server refuses, cuts, ends early, stalls, delays
 * and repeats. Beside `backendConformance`, for every backend that speaks to a server.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Backend, FileKey } from "../backend.ts";
import { loadBytes } from "../bytes-source.ts";
import { RetryBackend } from "../decorators/retry.ts";
import type { HttpPatience } from "../http/http-client.ts";
import { expectBytes, get, listAll, put, unaborted } from "./conformance-subject.ts";
import { type ConnectionFault, FaultProxy } from "./fault-proxy.ts";
import { CALLS, type NetworkCall, type NetworkRound, networkRounds } from "./network-rounds.ts";
import { type SampleFile, sampleFile } from "./sample-files.ts";

/** A real server, and how a backend reaches it. */
export interface NetworkSubject {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Opens one place by way of a port of `host`. */
  readonly open: (place: string, at: NetworkEntrance) => Promise<Backend>;
  /** Bytes that were repeated on the way are noticed before they are handed on or stored. */
  readonly noticesRepeats?: boolean;
  readonly stop?: () => Promise<void>;
}

/** Where the client connects to. */
export interface NetworkEntrance {
  readonly host: string;
  readonly port: number;
  /** After so many milliseconds what stands still is given up, about. Left out: as for users. */
  readonly patienceMs?: number;
}

/** Long enough for a server on a busy machine, and short enough for tests. */
const PATIENCE_MS = 1000;

/** The option of a backend over HTTP that goes with an entrance. */
export function patienceOf(ms: number | undefined): { patience?: HttpPatience } {
  return ms === undefined ? {} : { patience: { progressMs: ms, answerMs: ms } };
}

/** How long the random rounds may take; each kind of fault meets each call at least once, however long that takes. */
const ROUNDS_MS = 12_000;
/** Until when an abort must have ended a call. */
const ABORT_MS = 500;
/** A save may also take back what it has begun, and waits for that as long as for anything that stands still. */
const ABORT_SAVE_MS = 2000;
const SEED = Number(process.env["HOLDFAST_NETWORK_SEED"] ?? 4);
const SLOW = 180_000;

/** Declares the suite for one backend. @param start starts the server, once for all tests */
export function networkConformance(name: string, start: () => Promise<NetworkSubject>): void {
  describe(`${name} on a bad network`, () => {
    const network = new Network(start);
    beforeAll(() => network.begin(), SLOW);
    afterEach(() => network.calm());
    afterAll(() => network.end(), SLOW);

    test(
      `every call that is repeated ends well, whatever befell the first tries (seed ${SEED})`,
      () => repeatedCalls(network),
      SLOW,
    );

    test.each(UPLOAD_FAULTS)(
      "a save that meets %o is whole or fails as one that may be repeated, and no half file is left",
      (fault) => halfFiles(network, fault),
      SLOW,
    );

    test.each(CALLS)(
      "an abort ends a %s at once while nothing moves",
      (call) => abortWhileStalled(network, call),
      SLOW,
    );

    test("bytes that come twice never make a file longer, nor a list wrong", () => repeatedBytes(network), SLOW);

    test("works over IPv6", () => overIpv6(network), SLOW);
  });
}

const UPLOAD_FAULTS: readonly ConnectionFault[] = [
  { kind: "refuse" },
  ...(["cut", "truncate", "stall"] as const).flatMap((kind) => [
    { kind, direction: "up", afterBytes: 150_000 } as const,
    { kind, direction: "down", afterBytes: 20 } as const,
  ]),
];

/** The server, the proxy before it, and what was opened. */
class Network {
  readonly #start: () => Promise<NetworkSubject>;
  #subject: NetworkSubject | undefined;
  #proxy: FaultProxy | undefined;
  readonly #opened: Backend[] = [];
  #places = 0;

  constructor(start: () => Promise<NetworkSubject>) {
    this.#start = start;
  }

  async begin(): Promise<void> {
    this.#subject = await this.#start();
    this.#proxy = await FaultProxy.start(this.#subject.port);
  }

  async end(): Promise<void> {
    await this.#proxy?.close();
    await this.#subject?.stop?.();
  }

  get subject(): NetworkSubject {
    if (this.#subject === undefined) throw new Error("the server was not started");
    return this.#subject;
  }

  get proxy(): FaultProxy {
    if (this.#proxy === undefined) throw new Error("the proxy was not started");
    return this.#proxy;
  }

  /** A fresh place, reached past the proxy and through it. */
  async place(): Promise<{ direct: Backend; through: Backend }> {
    const place = `network${this.#places++}`;
    const direct = await this.#open(place, { host: "127.0.0.1", port: this.subject.port });
    await direct.initialize(unaborted());
    const entrance = { host: "127.0.0.1", port: this.proxy.port, patienceMs: PATIENCE_MS };
    return { direct, through: await this.#open(place, entrance) };
  }

  /** The same place by another entrance. */
  async another(entrance: NetworkEntrance): Promise<Backend> {
    return this.#open(`network${this.#places - 1}`, entrance);
  }

  async #open(place: string, entrance: NetworkEntrance): Promise<Backend> {
    const backend = await this.subject.open(place, entrance);
    this.#opened.push(backend);
    return backend;
  }

  /** The next `count` connections meet the fault; those that are open end. */
  async strike(fault: ConnectionFault, count = 1): Promise<void> {
    this.proxy.cutAll();
    // The client sees that too before it makes its next call.
    await sleep(25);
    let left = count;
    this.proxy.choose = () => (left-- > 0 ? fault : undefined);
  }

  /** Closes what was opened, and expects that with it every connection has ended. */
  async calm(): Promise<void> {
    this.proxy.choose = () => undefined;
    for (const backend of this.#opened.splice(0)) await backend.close();
    await expect.poll(() => establishedTo(this.proxy.port), { timeout: 5000 }).toBe(0);
    this.proxy.cutAll();
  }
}

/**
 * How many connections of this machine to a port their client holds open. The proxy cannot tell: it does not read, and so does
 * not see the end, of what it lets stand still. 0 where the system has no such file.
 */
function establishedTo(port: number): number {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => {
    try {
      return readFileSync(file, "utf8").split("\n");
    } catch {
      return [];
    }
  });
  return lines.filter((line) => new RegExp(`^ *\\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:${wanted} 01 `).test(line)).length;
}

async function repeatedCalls(network: Network): Promise<void> {
  const { direct, through } = await network.place();
  const patient = new RetryBackend(through, { initialDelayMs: 1, maxDelayMs: 50, maxElapsedMs: 40_000 });
  const listed = Array.from({ length: 120 }, (_, seed) => sampleFile("snapshot", 100, seed));
  for (const file of listed) await put(direct, file);
  const names = listed.map(({ key }) => key.name).toSorted();
  const endsAt = performance.now() + ROUNDS_MS;
  const met = new Set<string>();
  let rounds = 0;
  for (const round of networkRounds(SEED)) {
    if (rounds >= 60 && performance.now() > endsAt) break;
    const file = sampleFile("pack", round.sizeBytes, 1000 + rounds++);
    if (round.call !== "save") await put(direct, file);
    const before = network.proxy.faults;
    await network.strike(round.fault, round.connections);
    await expectRightAnswer(round, patient, file, names).catch((error: unknown) => {
      throw new Error(`round ${rounds}: ${JSON.stringify(round)}`, { cause: error });
    });
    if (network.proxy.faults > before) met.add(round.call);
    await expectRightPlace(round, direct, file);
  }
  expect([...met].toSorted()).toEqual([...CALLS].toSorted());
}

async function expectRightAnswer(
  { call, sizeBytes }: NetworkRound,
  backend: Backend,
  file: SampleFile,
  names: readonly string[],
): Promise<void> {
  const { key, bytes } = file;
  if (call === "save") await put(backend, file);
  else if (call === "load") expectBytes(await get(backend, key), bytes);
  else if (call === "stat") expect(await backend.stat(key, unaborted())).toMatchObject({ sizeBytes });
  else if (call === "remove") await backend.remove(key, unaborted());
  else if (call === "list") {
    expect((await listAll(backend, "snapshot")).map(({ name }) => name).toSorted()).toEqual(names);
  } else {
    const range = { offset: 7, length: sizeBytes - 20 };
    expectBytes(await loadBytes(backend, key, range, unaborted()), bytes.subarray(7, sizeBytes - 13));
  }
}

async function expectRightPlace({ call }: NetworkRound, direct: Backend, { key, bytes }: SampleFile): Promise<void> {
  if (call === "remove") expect(await direct.stat(key, unaborted())).toBeUndefined();
  else expectBytes(await get(direct, key), bytes);
}

async function halfFiles(network: Network, fault: ConnectionFault): Promise<void> {
  const { direct, through } = await network.place();
  const file = sampleFile("pack", 300_000);
  await network.strike(fault, 10);
  const failure: unknown = await put(through, file).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failure !== undefined) expect(failure).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
  network.proxy.cutAll();
  // A server has to notice that nothing follows, and may show what has arrived until then.
  await sleep(300);
  await expect.poll(() => stateOf(direct, file), { timeout: 8000 }).toMatch(/^(absent|whole)$/);
  network.proxy.choose = () => undefined;
  await put(new RetryBackend(through, { initialDelayMs: 1 }), file);
  expect(await stateOf(direct, file)).toBe("whole");
  expect((await listAll(direct, "pack")).map(({ name }) => name)).toEqual([file.key.name]);
}

async function stateOf(backend: Backend, { key, bytes }: SampleFile): Promise<string> {
  const info = await backend.stat(key, unaborted());
  if (info === undefined) return "absent";
  if (info.sizeBytes !== bytes.length) return `${info.sizeBytes} bytes`;
  return Buffer.compare(await get(backend, key), bytes) === 0 ? "whole" : "wrong";
}

async function abortWhileStalled(network: Network, call: NetworkCall): Promise<void> {
  const { direct, through } = await network.place();
  const present = sampleFile("pack", 200_000, 1);
  await put(direct, present);
  const file = call === "save" ? sampleFile("pack", 200_000, 2) : present;
  for (const direction of ["up", "down"] as const) {
    for (const afterBytes of [0, 4000]) {
      if (call === "remove") await put(direct, present);
      await network.strike({ kind: "stall", direction, afterBytes }, 100);
      const aborter = new AbortController();
      const reason = new Error("stopped by the test");
      const outcome = plainCall(through, call, file, aborter.signal).then(
        () => "done",
        (error: unknown) => error,
      );
      await sleep(120);
      const abortedAt = performance.now();
      aborter.abort(reason);
      const seen = await outcome;
      const tookMs = performance.now() - abortedAt;
      // Some calls are through before so many bytes have passed.
      if (afterBytes === 0) expect(seen).toBe(reason);
      else expect([reason, "done"]).toContain(seen);
      expect(tookMs).toBeLessThan(call === "save" ? ABORT_SAVE_MS : ABORT_MS);
    }
  }
}

async function plainCall(backend: Backend, call: NetworkCall, file: SampleFile, signal: AbortSignal): Promise<void> {
  const { key, bytes } = file;
  if (call === "save") await backend.save(key, { sizeBytes: bytes.length, open: () => [bytes] }, { signal });
  else if (call === "load") await loadBytes(backend, key, undefined, { signal });
  else if (call === "range") await loadBytes(backend, key, { offset: 10, length: 1000 }, { signal });
  else if (call === "stat") await backend.stat(key, { signal });
  else if (call === "remove") await backend.remove(key, { signal });
  else for await (const info of backend.list("pack", { signal })) expect(info.sizeBytes).toBeGreaterThan(0);
}

/** A transport without a check of its own hands on what came; names in a repository are hashes, which find it out. */
async function repeatedBytes(network: Network): Promise<void> {
  const { direct, through } = await network.place();
  const present = sampleFile("index", 150_000);
  await put(direct, present);
  const saved: FileKey[] = [];
  for (const [turn, atByte] of [0, 30, 100, 3000, 60_000, 140_000].entries()) {
    await network.strike({ kind: "duplicate", direction: "down", atByte }, 10);
    const loaded = await outcomeOf(loadBytes(through, present.key, { offset: 10, length: 100_000 }, unaborted()));
    if (loaded instanceof Uint8Array) {
      expect(loaded.length).toBe(100_000);
      if (network.subject.noticesRepeats === true) expectBytes(loaded, present.bytes.subarray(10, 100_010));
    }
    const listed = await outcomeOf(listAll(through, "index"));
    if (Array.isArray(listed)) expect(listed.map(({ name }) => name)).toEqual([present.key.name]);
    const file = sampleFile("pack", 150_000, turn);
    await network.strike({ kind: "duplicate", direction: "up", atByte }, 10);
    await outcomeOf(put(through, file));
    saved.push(file.key);
  }
  await sleep(300);
  for (const key of saved) {
    const seen = async () => (await direct.stat(key, unaborted()))?.sizeBytes;
    await expect.poll(seen, { timeout: 8000 }).toSatisfy((size) => size === undefined || size === 150_000);
  }
}

/** What a call gives, or one of our errors. */
async function outcomeOf<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return undefined;
  }
}

async function overIpv6(network: Network): Promise<void> {
  const { direct } = await network.place();
  const entrance = await FaultProxy.start(network.subject.port, undefined, "::1");
  try {
    const backend = await network.another({ host: "[::1]", port: entrance.port });
    const file = sampleFile("pack", 20_000);
    await put(backend, file);
    expectBytes(await get(backend, file.key), file.bytes);
    expectBytes(await get(direct, file.key), file.bytes);
    expect((await listAll(backend, "pack")).length).toBe(1);
    expect(entrance.connections).toBeGreaterThan(0);
  } finally {
    await entrance.close();
  }
}
