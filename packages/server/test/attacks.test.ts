/**
 * The attacks on append-only backups that are known, as far as this server meets them: what each tries, and what happens.
 * docs/threat-model.md has the whole list, with what the server does not meet.
 */
import type { Clock } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { hashToken } from "../src/repository-server/client-secrets.ts";
import type { Client } from "../src/repository-server/clients-file.ts";
import { makeDen, names, put, sample } from "./sample.ts";
import { CLIENTS, type TestServer, startServer, tokenOf } from "./test-server.ts";

const DAY_MS = 24 * 3_600_000;
const V2 = { accept: "application/vnd.x.restic.rest.v2" };

/** The clock of the machine, which somebody can set; the other one nobody can. */
class SettableClock implements Clock {
  aheadMs = 0;

  nowMs(): number {
    return Date.now() + this.aheadMs;
  }

  elapsedMs(): number {
    return performance.now();
  }

  async sleep(): Promise<void> {}
}

function client(name: string, settings: Partial<Client> = {}): Client {
  return { name, role: "append-only", repositories: [name], tokenHashes: [hashToken(tokenOf(name))], ...settings };
}

async function received(served: TestServer, name: string): Promise<number | undefined> {
  const { body } = await served.ask("maintenance", "GET", "/den/snapshots/", { headers: V2 });
  const files = JSON.parse(body.toString()) as { name: string; received: number }[];
  return files.find((file) => file.name === name)?.received;
}

describe("attack", () => {
  test("1, bogus snapshots beside good ones: each has the time at which the server got it, whatever the client says", async () => {
    const served = await startServer();
    await makeDen(served);
    const before = Date.now();
    const { path, name, bytes } = sample("snapshot");
    const headers = {
      "holdfast-received": "1000",
      "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT",
      date: "Thu, 01 Jan 1970 00:00:00 GMT",
    };
    expect((await served.ask("append-only", "POST", path, { body: bytes, headers })).status).toBe(200);
    expect(await received(served, name)).toBeGreaterThanOrEqual(before - 1000);
    const { headers: answered } = await served.ask("append-only", "HEAD", path);
    expect(Number(answered["holdfast-received"])).toBeGreaterThanOrEqual(before - 1000);
    // Sending it again does not make it younger or older.
    const first = await received(served, name);
    await put(served, "append-only", "snapshot");
    expect(await received(served, name)).toBe(first);
  });

  test("2, snapshots of the future: none has a time after now", async () => {
    const served = await startServer();
    await makeDen(served);
    const { path, name, bytes } = sample("snapshot");
    const headers = { "holdfast-received": String(Date.now() + 30 * DAY_MS) };
    await served.ask("append-only", "POST", path, { body: bytes, headers });
    expect(await received(served, name)).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test("3, snapshots under the name of another machine: a client reaches the repository of no other", async () => {
    const served = await startServer({ clients: [...CLIENTS, client("den"), client("stolen")] });
    await makeDen(served);
    for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
      const { path, bytes } = sample("snapshot");
      expect((await served.ask("stolen", method, path, method === "POST" ? { body: bytes } : {})).status).toBe(403);
    }
    expect(await names(served, "den", "snapshot")).toEqual([]);
  });

  test("4, deletions that wait: one that is refused has no effect later either", async () => {
    const served = await startServer({ graceMs: 0 });
    await makeDen(served);
    for (const type of ["snapshot", "index", "pack"] as const) {
      await put(served, "append-only", type);
      expect((await served.ask("append-only", "DELETE", sample(type).path)).status).toBe(403);
      // Somebody who may remove does some work.
      await put(served, "maintenance", type, 1000, 1);
      expect((await served.ask("maintenance", "DELETE", sample(type, 1000, 1).path)).status).toBe(200);
      expect((await served.ask("append-only", "HEAD", sample(type).path)).status).toBe(200);
    }
  });

  test("5, a clock that was set forward: nothing is removed and nothing destroyed until the server starts again", async () => {
    const clock = new SettableClock();
    const served = await startServer({ clock, minAgeMs: 7 * DAY_MS });
    await makeDen(served);
    await put(served, "append-only", "pack");
    clock.aheadMs = 30 * DAY_MS;
    const answer = await served.ask("admin", "DELETE", sample("pack").path);
    expect([answer.status, answer.headers["holdfast-refusal"]]).toEqual([403, "retention"]);
    expect(answer.body.toString()).toContain("clock");
    clock.aheadMs = 0;
    expect((await served.ask("admin", "DELETE", sample("pack").path)).status).toBe(403);
    // Backups and their locks go on.
    await put(served, "append-only", "lock");
    expect((await served.ask("append-only", "DELETE", sample("lock").path)).status).toBe(200);
  });

  test("5, a clock that is behind the last run: nothing is removed", async () => {
    const clock = new SettableClock();
    const first = await startServer({ clock });
    await makeDen(first);
    await put(first, "append-only", "pack");
    await first.server.close({ graceMs: 0 });
    clock.aheadMs = -DAY_MS;
    const served = await startServer({ clock, root: first.root });
    expect((await served.ask("admin", "DELETE", sample("pack").path)).status).toBe(403);
  });

  test.each(["maintenance", "admin"])(
    "6, removing good backups in time: %s removes nothing within the minimum age",
    async (role) => {
      const served = await startServer({ minAgeMs: 7 * DAY_MS });
      await makeDen(served);
      for (const type of ["snapshot", "pack", "hold"] as const) {
        await put(served, "append-only", type);
        const answer = await served.ask(role, "DELETE", sample(type).path);
        expect([answer.status, answer.headers["holdfast-refusal"]]).toEqual([403, "retention"]);
      }
      if (role === "admin") {
        expect((await served.ask(role, "DELETE", "/den/config")).status).toBe(403);
        expect((await served.ask(role, "DELETE", sample("key", 400, 99).path)).status).toBe(403);
      }
    },
  );

  test("8, filling the disk: a client has a quota, others go on, and nothing is removed to make room", async () => {
    const served = await startServer({ clients: [...CLIENTS, client("den", { quotaBytes: 5000 }), client("other")] });
    await makeDen(served);
    const post = (name: string, seed: number) => {
      const { path, bytes } = sample("pack", 2000, seed);
      return served.ask(name, "POST", path.replace("/den/", `/${name}/`), { body: bytes });
    };
    await served.ask("other", "POST", "/other/?create=true", { body: new Uint8Array(0) });
    expect([(await post("den", 1)).status, (await post("den", 2)).status]).toEqual([200, 200]);
    const full = await post("den", 3);
    expect([full.status, full.body.toString()]).toEqual([507, expect.stringContaining("quota of 5000 bytes")]);
    // All at once is not a way around it.
    const many = await Promise.all([4, 5, 6, 7, 8].map((seed) => post("den", seed)));
    expect(many.every(({ status }) => status === 507)).toBe(true);
    expect((await post("other", 1)).status).toBe(200);
    expect(await names(served, "den", "pack")).toHaveLength(2);
    // What is there can be read, which takes a lock.
    const { path, bytes } = sample("lock");
    expect((await served.ask("den", "POST", path, { body: bytes })).status).toBe(200);
    // What is removed counts while it can come back.
    await served.ask("maintenance", "DELETE", sample("pack", 2000, 1).path);
    expect((await post("den", 3)).status).toBe(507);
  });

  test("9, other bytes under a name that others will need: the name must be the hash, and what is there stays", async () => {
    const served = await startServer();
    await makeDen(served);
    const { path } = sample("pack", 1000);
    expect((await served.ask("append-only", "POST", path, { body: sample("pack", 1000, 1).bytes })).status).toBe(400);
    expect((await served.ask("append-only", "HEAD", path)).status).toBe(404);
    await put(served, "append-only", "pack");
    expect((await served.ask("append-only", "POST", path, { body: sample("pack", 1000, 1).bytes })).status).toBe(400);
    expect(Buffer.compare((await served.ask("append-only", "GET", path)).body, sample("pack").bytes)).toBe(0);
  });

  test("10, locks without end: a client has few, small ones, and who maintains removes them", async () => {
    const served = await startServer();
    await makeDen(served);
    const statuses: number[] = [];
    for (let seed = 0; seed < 70; seed++) statuses.push((await put(served, "append-only", "lock", 100, seed)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(64);
    expect((await put(served, "append-only", "lock", 300_000, 1000)).status).toBe(413);
    expect((await put(served, "maintenance", "lock", 100, 1001)).status).toBe(200);
    for (const name of await names(served, "maintenance", "lock")) {
      expect((await served.ask("maintenance", "DELETE", `/den/locks/${name}`)).status).toBe(200);
    }
  });

  test("11, a key of the attacker's, or another config: neither is taken", async () => {
    const served = await startServer();
    await makeDen(served);
    for (const role of ["write-only", "append-only", "maintenance"]) {
      expect((await put(served, role, "key", 400, 7)).status).toBe(403);
      expect((await served.ask(role, "DELETE", sample("key", 400, 99).path)).status).toBe(403);
      const config = { body: sample("config", 155, 7).bytes };
      expect((await served.ask(role, "POST", "/den/config", config)).status).toBe(403);
      expect((await served.ask(role, "DELETE", "/den/config")).status).toBe(403);
    }
    expect(await names(served, "admin", "key")).toEqual([sample("key", 400, 99).name]);
  });

  test("11, whatever is done to keys and config, and whatever is refused, is in the log and in the metrics", async () => {
    const served = await startServer({ metrics: { host: "127.0.0.1", port: 0 } });
    await makeDen(served);
    await put(served, "append-only", "key", 400, 7);
    await served.ask("maintenance", "DELETE", "/den/config");
    await put(served, "admin", "key", 400, 8);
    await served.ask("admin", "DELETE", sample("key", 400, 8).path);
    await served.ask("admin", "GET", sample("key", 400, 99).path);
    const changes = served.log.flatMap((entry) =>
      entry.keyChange === undefined ? [] : [[entry.client, entry.keyChange]],
    );
    expect(changes).toEqual([
      ["append-only", "key-stored"],
      ["append-only", "config-stored"],
      ["append-only", "refused"],
      ["maintenance", "refused"],
      ["admin", "key-stored"],
      ["admin", "key-removed"],
    ]);
    const text = await (await fetch(`${served.server.metricsUrl}`)).text();
    expect(text).toContain('holdfast_key_changes_total{client="append-only",change="refused"} 1');
    expect(text).toContain('holdfast_key_changes_total{client="admin",change="key-stored"} 1');
  });

  test("12, fetching all history with a stolen write-only client: no byte of a pack is given", async () => {
    const served = await startServer();
    await makeDen(served);
    await put(served, "write-only", "pack", 50_000);
    const { path } = sample("pack", 50_000);
    for (const range of [undefined, "bytes=0-9", "bytes=-10"]) {
      const headers: Record<string, string> = range === undefined ? {} : { range };
      const answer = await served.ask("write-only", "GET", path, { headers });
      expect([answer.status, answer.headers["holdfast-refusal"]]).toEqual([403, "role"]);
    }
    const head = await served.ask("write-only", "HEAD", path);
    expect([head.status, head.headers["content-length"], head.body.length]).toEqual([200, "50000", 0]);
  });
});
