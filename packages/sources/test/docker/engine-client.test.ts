/** How engines are asked; by a small server of the test that gives the answers which a Podman of Debian does not. */
import { mkdtempSync, rmSync } from "node:fs";
import { type RequestListener, createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { describe, expect, test } from "vitest";
import { EngineClient } from "../../src/docker/engine/engine-client.ts";
import { allContainers } from "../../src/docker/inventory.ts";

const { signal } = new AbortController();

/** @param about what it says of its versions */
async function withEngine<T>(
  about: unknown,
  answer: RequestListener,
  work: (engine: Promise<EngineClient>) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "hf-eng-"));
  const socket = join(folder, "s");
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === "/version") outgoing.end(JSON.stringify(about));
    else answer(incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    return await work(EngineClient.open({ socket, source: "source shop", limitMs: 500 }, { signal }));
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

describe("an engine", () => {
  test.for([
    ["1.41", "1.24", "1.41"],
    ["1.30", "1.12", "1.30"],
    ["1.52", "1.44", "1.44"],
  ])("that knows the API up to %s from %s on is asked in %s", async ([ApiVersion, MinAPIVersion, asked]) => {
    const seen: string[] = [];
    await withEngine(
      { Version: "1", ApiVersion, MinAPIVersion },
      ({ url = "" }, outgoing) => {
        seen.push(url);
        outgoing.end("[]");
      },
      async (engine) => (await engine).json(z.array(z.unknown()), { path: ["containers", "a/../b"] }, { signal }),
    );
    expect(seen).toEqual([`/v${asked}/containers/a%2F..%2Fb`]);
  });

  test("whose containers come and go is asked only for those that are there", async () => {
    const id = (digit: string): string => digit.repeat(64);
    const container = {
      Id: id("a"),
      Name: "/stays",
      Image: "i",
      State: { Status: "running", Running: true },
      Config: { Image: "i" },
      HostConfig: {},
      NetworkSettings: {},
    };
    const found = await withEngine(
      { Version: "1", ApiVersion: "1.41" },
      ({ url = "" }, outgoing) => {
        if (url.includes("/containers/json")) {
          outgoing.end(JSON.stringify(["a", "b"].map((digit) => ({ Id: id(digit), State: "running" }))));
        } else if (url.includes(id("a"))) outgoing.end(JSON.stringify(container));
        else outgoing.writeHead(404).end(JSON.stringify({ message: "no such container" }));
      },
      async (engine) => allContainers(await engine, { signal }),
    );
    expect(found.map(({ name }) => name)).toEqual(["stays"]);
  });

  test("that is too old, or none, is refused", async () => {
    for (const about of [{ Version: "1", ApiVersion: "1.20" }, { hello: "world" }]) {
      const code = "ApiVersion" in about ? "SOURCES_UNSUPPORTED" : "SOURCES_TOOL_FAILED";
      await withEngine(
        about,
        () => {},
        (engine) => expect(engine).rejects.toMatchObject({ code }),
      );
    }
  });

  test("that says in the text of its answer that an image could not be loaded has not loaded it", async () => {
    await withEngine(
      { Version: "1", ApiVersion: "1.41" },
      (incoming, outgoing) => {
        incoming.resume().on("end", () => outgoing.end('{"errorDetail":{},"error":"unexpected EOF"}'));
      },
      async (engine) => {
        async function* upload(): AsyncGenerator<Uint8Array> {
          yield Buffer.from("not all of it");
        }
        const loading = (await engine).run({ path: ["images", "load"], upload: upload() }, { signal });
        await expect(loading).rejects.toThrow(/unexpected EOF/);
      },
    );
  });

  test("that does not answer is not waited for longer than the limit, nor after an abort", async () => {
    await withEngine(
      { Version: "1", ApiVersion: "1.41" },
      () => {},
      async (opening) => {
        const engine = await opening;
        await expect(engine.run({ path: ["x"] }, { signal })).rejects.toMatchObject({ code: "SOURCES_TOO_LONG" });
        const reason = new Error("interrupted");
        const abort = new AbortController();
        const asking = engine.run({ path: ["x"] }, abort);
        abort.abort(reason);
        await expect(asking).rejects.toBe(reason);
      },
    );
  });
});
