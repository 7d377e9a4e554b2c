/** What was removed, and the way back. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { NO_SURROUNDINGS } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { Ledger } from "../src/repository-server/ledger.ts";
import { RepositoryPlaces } from "../src/repository-server/repository-places.ts";
import { Trash } from "../src/repository-server/trash.ts";
import { makeDen, names, put, sample } from "./sample.ts";
import { type TestServer, afterTest, startServer } from "./test-server.ts";

const DAY_MS = 24 * 3_600_000;
const { signal } = new AbortController();

/** The same records, as another process has them. */
function openTrash({ root }: TestServer): { trash: Trash; ledger: Ledger } {
  const places = new RepositoryPlaces(root, { surroundings: NO_SURROUNDINGS });
  const ledger = Ledger.open(places.stateFolder);
  afterTest(async () => {
    await places.close();
    ledger.close();
  });
  return { trash: new Trash(ledger, places), ledger };
}

describe("what is removed", () => {
  test.each(["snapshot", "index", "pack", "forgotten", "hold", "evidence", "key"] as const)(
    "of type %s is hidden at once, and comes back whole",
    async (type) => {
      const served = await startServer();
      await makeDen(served);
      await put(served, "admin", type);
      const { path, name, bytes } = sample(type);
      const before = (await names(served, "admin", type)).toSorted();
      expect((await served.ask("admin", "DELETE", path)).status).toBe(200);
      expect(await names(served, "admin", type)).not.toContain(name);
      for (const method of ["HEAD", "GET", "DELETE"])
        expect((await served.ask("admin", method, path)).status).toBe(404);

      const { trash } = openTrash(served);
      const [row] = trash.list();
      expect(row).toMatchObject({ repository: "den", type, name, sizeBytes: bytes.length, removedBy: "admin" });
      if (row !== undefined) await trash.restore(row, { signal });
      expect(Buffer.compare((await served.ask("admin", "GET", path)).body, bytes)).toBe(0);
      expect((await names(served, "admin", type)).toSorted()).toEqual(before);
      expect(trash.list()).toEqual([]);
    },
  );

  test("comes back by being stored again", async () => {
    const served = await startServer();
    await makeDen(served);
    await put(served, "append-only", "snapshot");
    await served.ask("maintenance", "DELETE", sample("snapshot").path);
    const wrong = await served.ask("append-only", "POST", sample("snapshot").path, {
      body: sample("snapshot", 1000, 1).bytes,
    });
    expect(wrong.status).toBe(400);
    expect((await served.ask("append-only", "HEAD", sample("snapshot").path)).status).toBe(404);
    expect((await put(served, "append-only", "snapshot")).status).toBe(200);
    expect((await served.ask("append-only", "HEAD", sample("snapshot").path)).status).toBe(200);
    expect(openTrash(served).trash.list()).toEqual([]);
  });

  test("is destroyed when its time is over, and not before", async () => {
    const served = await startServer({ graceMs: DAY_MS });
    await makeDen(served);
    await put(served, "append-only", "pack");
    await served.ask("maintenance", "DELETE", sample("pack").path);
    const { trash, ledger } = openTrash(served);
    expect(await trash.purgeDue(Date.now() + DAY_MS - 60_000, { signal })).toBe(0);
    expect(ledger.usageOf("append-only")).toBe(1000 + 400 + 155);
    expect(await trash.purgeDue(Date.now() + DAY_MS + 1000, { signal })).toBe(1);
    expect(trash.list()).toEqual([]);
    expect(ledger.usageOf("append-only")).toBe(400 + 155);
    const folder = join(served.root, "den/data", sample("pack").name.slice(0, 2));
    expect(await readdir(folder)).toEqual([]);
    expect((await put(served, "append-only", "pack")).status).toBe(200);
  });

  test("as an index file may be young, but stays as long as the minimum age says", async () => {
    const served = await startServer({ graceMs: 0, minAgeMs: 7 * DAY_MS });
    await makeDen(served);
    await put(served, "append-only", "index");
    expect((await served.ask("maintenance", "DELETE", sample("index").path)).status).toBe(200);
    const { trash } = openTrash(served);
    expect(await trash.purgeDue(Date.now() + 6.9 * DAY_MS, { signal })).toBe(0);
    expect(trash.list()).toHaveLength(1);
  });

  test("without a grace is gone at once", async () => {
    const served = await startServer({ graceMs: 0 });
    await makeDen(served);
    await put(served, "append-only", "pack");
    expect((await served.ask("maintenance", "DELETE", sample("pack").path)).status).toBe(200);
    expect(openTrash(served).trash.list()).toEqual([]);
    expect(await readdir(join(served.root, "den/data", sample("pack").name.slice(0, 2)))).toEqual([]);
  });

  test("as a config comes back where no other is, and not over one", async () => {
    const served = await startServer();
    await makeDen(served);
    const old = sample("config", 155).bytes;
    expect((await served.ask("admin", "DELETE", "/den/config")).status).toBe(200);
    expect((await served.ask("admin", "HEAD", "/den/config")).status).toBe(404);
    const { trash } = openTrash(served);
    const [row] = trash.list();
    if (row === undefined) throw new Error("nothing is in the trash");
    await served.ask("admin", "POST", "/den/config", { body: sample("config", 155, 3).bytes });
    await expect(trash.restore(row, { signal })).rejects.toMatchObject({ code: "SERVER_RESTORE_BLOCKED" });
    expect((await served.ask("admin", "DELETE", "/den/config")).status).toBe(200);
    await trash.restore(row, { signal });
    expect(Buffer.compare((await served.ask("admin", "GET", "/den/config")).body, old)).toBe(0);
  });

  test("and was brought back meanwhile is not destroyed", async () => {
    const served = await startServer();
    await makeDen(served);
    await put(served, "append-only", "pack");
    await served.ask("maintenance", "DELETE", sample("pack").path);
    const { trash } = openTrash(served);
    const [row] = trash.list();
    if (row === undefined) throw new Error("nothing is in the trash");
    await put(served, "append-only", "pack");
    await expect(trash.purge(row, { signal })).rejects.toMatchObject({ code: "SERVER_NOT_IN_TRASH" });
    expect((await served.ask("append-only", "GET", sample("pack").path)).status).toBe(200);
  });
});
