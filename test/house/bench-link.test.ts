/** The slow link that measurements go through is as slow as it says, and no narrower. */
import { type Socket, connect, createServer } from "node:net";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { DelayLine } from "../../bench/link/delay-line.ts";
import { DelayProxy } from "../../bench/link/delay-proxy.ts";
import { type LinkClock, delayStream } from "../../bench/link/delayed-stream.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A clock that stands still until it is moved. */
class HandClock implements LinkClock {
  #now = 0;
  #calls: { ms: number; call: () => void }[] = [];

  nowMs(): number {
    return this.#now;
  }

  at(ms: number, call: () => void): () => void {
    const entry = { ms, call };
    this.#calls.push(entry);
    return () => {
      this.#calls = this.#calls.filter((each) => each !== entry);
    };
  }

  /** Moves to each due time up to this one; streams get their turn after each. */
  async moveTo(ms: number): Promise<void> {
    for (;;) {
      await settled();
      const next = this.#calls.filter((each) => each.ms <= ms).toSorted((a, b) => a.ms - b.ms)[0];
      if (next === undefined) break;
      this.#calls = this.#calls.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.ms);
      next.call();
    }
    this.#now = ms;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("a line of 50 ms", () => {
  test("delays each piece by 50 ms from when it was sent, however many are on their way", () => {
    const line = new DelayLine({ delayMs: 50, capacityBytes: 1000 });
    line.send({ bytes: bytes("a") }, 0);
    line.send({ bytes: bytes("b") }, 1);
    line.send({}, 1);
    expect(line.nextMs).toBe(50);
    expect(line.take(49)).toBeUndefined();
    expect(line.take(50)?.bytes).toEqual(bytes("a"));
    expect(line.take(50)).toBeUndefined();
    expect(line.take(51)?.bytes).toEqual(bytes("b"));
    expect(line.take(51)).toEqual({});
    expect(line.nextMs).toBeUndefined();
  });

  test("is full with what its window holds, until something has arrived", () => {
    const line = new DelayLine({ delayMs: 50, capacityBytes: 3 });
    line.send({ bytes: bytes("ab") }, 0);
    expect(line.isFull).toBe(false);
    line.send({ bytes: bytes("cd") }, 0);
    expect(line.isFull).toBe(true);
    line.take(50);
    expect(line.isFull).toBe(false);
  });
});

describe("a stream over a line of 50 ms", () => {
  function stream(options: { openMs?: number; capacityBytes?: number } = {}) {
    const [from, to, clock] = [new PassThrough(), new PassThrough(), new HandClock()];
    delayStream({ from, to, clock, delayMs: 50, capacityBytes: 1000, openMs: 0, ...options });
    const got: string[] = [];
    to.on("data", (chunk: Buffer) => got.push(`${clock.nowMs()}:${chunk.toString()}`));
    to.once("end", () => got.push(`${clock.nowMs()}:end`));
    return { from, to, clock, got };
  }

  test("brings everything in its order, and the end behind it", async () => {
    const { from, clock, got } = stream();
    from.write("a");
    await clock.moveTo(10);
    from.end("b");
    await clock.moveTo(100);
    expect(got).toEqual(["50:a", "60:b", "60:end"]);
  });

  test("sends nothing before there is a connection", async () => {
    const { from, clock, got } = stream({ openMs: 100 });
    from.write("a");
    await clock.moveTo(149);
    expect(got).toEqual([]);
    await clock.moveTo(200);
    expect(got).toEqual(["150:a"]);
  });

  test("takes no more from the sender than the window, which empties once a delay", async () => {
    const { from, clock, got } = stream({ capacityBytes: 2 });
    for (const letter of "abcdef") from.write(letter);
    await clock.moveTo(200);
    // Two are on their way at once; what was written further waited for room.
    expect(got.map((line) => line.split(":")[0])).toEqual(["50", "50", "100", "100", "150", "150"]);
    expect(got.map((line) => line.split(":")[1]).join("")).toBe("abcdef");
  });
});

describe("a proxy with a round trip", () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** A server that greets, and sends back what it gets. */
  async function start(roundTripMs = 60): Promise<{ proxy: DelayProxy; accepted: () => number }> {
    let acceptedMs = 0;
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      acceptedMs = performance.now();
      sockets.add(socket);
      socket.on("error", () => {});
      socket.write("hello");
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    const targetPort = typeof address === "object" && address !== null ? address.port : 0;
    const proxy = await DelayProxy.start({ targetPort, roundTripMs });
    closing.push(() => proxy.close());
    return { proxy, accepted: () => acceptedMs };
  }

  // No test says how fast it is: on a busy machine everything may take longer, but nothing may come too soon.
  test("lets the first answer come after two round trips: one is the handshake", async () => {
    const { proxy, accepted } = await start();
    const startedMs = performance.now();
    const client = connect(proxy.port, "127.0.0.1");
    await new Promise((resolve) => client.once("data", resolve));
    expect(accepted() - startedMs).toBeGreaterThan(1.5 * 60 - 5);
    expect(performance.now() - startedMs).toBeGreaterThan(2 * 60 - 5);
    client.destroy();
  });

  test.each([0, 60])("of %i ms changes no byte of many, in both directions, and counts", async (roundTripMs) => {
    const { proxy } = await start(roundTripMs);
    const sent = Buffer.alloc(20_000_000, "0123456789abcdef-");
    const client = connect(proxy.port, "127.0.0.1");
    const parts: Buffer[] = [];
    client.on("data", (chunk: Buffer) => parts.push(chunk));
    client.end(sent);
    await new Promise((resolve) => client.once("end", resolve));
    expect(Buffer.compare(Buffer.concat(parts).subarray("hello".length), sent)).toBe(0);
    expect(proxy.connections).toBe(1);
    expect(proxy.turns).toBeGreaterThan(0);
  });

  test("that is closed resets the client", async () => {
    const { proxy } = await start();
    const client = connect(proxy.port, "127.0.0.1");
    const ended = new Promise<string>((resolve) => client.once("error", (error) => resolve(error.message)));
    await new Promise((resolve) => client.once("data", resolve));
    await proxy.close();
    closing.pop();
    expect(await ended).toContain("ECONNRESET");
  });
});
