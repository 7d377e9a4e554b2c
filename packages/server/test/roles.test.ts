/** What each role may do, asked over HTTP: the table of docs/guides/repository-server.md. */
import type { FileType } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import type { Role } from "../src/repository-server/roles.ts";
import { makeDen, put, sample } from "./sample.ts";
import { startServer } from "./test-server.ts";

const CONTENT = ["snapshot", "index", "pack", "forgotten", "hold", "evidence"] as const;
const TYPES: readonly FileType[] = ["config", "key", "lock", ...CONTENT];

/** Of each role: whose files it may read, add and remove. Locks are its own. */
const ALLOWED: Readonly<
  Record<Role, { read: readonly FileType[]; add: readonly FileType[]; remove: readonly FileType[] }>
> = {
  restore: { read: TYPES, add: ["lock"], remove: ["lock"] },
  "write-only": { read: TYPES.filter((type) => type !== "pack"), add: ["lock", ...CONTENT], remove: ["lock"] },
  "append-only": { read: TYPES, add: ["lock", ...CONTENT], remove: ["lock"] },
  maintenance: { read: TYPES, add: ["lock", ...CONTENT], remove: ["lock", ...CONTENT] },
  admin: { read: TYPES, add: ["key", "lock", ...CONTENT], remove: ["config", "key", "lock", ...CONTENT] },
};
const ROWS = Object.keys(ALLOWED).flatMap((role) => TYPES.map((type) => ({ role: role as Role, type })));

describe("roles", () => {
  test.each(ROWS)(
    "$role and files of type $type: looks, reads, adds and removes what its row says",
    async ({ role, type }) => {
      const served = await startServer();
      const { read, add, remove } = ALLOWED[role];
      await makeDen(served);
      const maker = type === "lock" ? role : "admin";
      if (type !== "config") expect((await put(served, maker, type)).status).toBe(200);
      const { path, bytes } = sample(type, type === "config" ? 155 : 1000);

      expect((await served.ask(role, "HEAD", path)).status).toBe(200);
      const listed = await served.ask(role, "GET", path.slice(0, path.lastIndexOf("/") + 1));
      if (type !== "config")
        expect([listed.status, JSON.parse(listed.body.toString())]).toMatchObject([200, expect.anything()]);

      const got = await served.ask(role, "GET", path);
      expect(got.status).toBe(read.includes(type) ? 200 : 403);
      if (read.includes(type)) expect(Buffer.compare(got.body, bytes)).toBe(0);
      else expect(got.headers["holdfast-refusal"]).toBe("role");

      const added = type === "config" ? undefined : await put(served, role, type, 1000, 1);
      if (added !== undefined) expect(added.status).toBe(add.includes(type) ? 200 : 403);

      const removed = await served.ask(role, "DELETE", path);
      expect(removed.status).toBe(remove.includes(type) ? 200 : 403);
      if (removed.status === 403) {
        expect(removed.headers["holdfast-refusal"]).toBe(role === "restore" ? "role" : "append-only");
      }
      expect((await served.ask(role, "HEAD", path)).status).toBe(remove.includes(type) ? 404 : 200);
    },
  );

  test.each(["restore", "write-only", "append-only", "maintenance"] as const)(
    "%s replaces no config, and adds no key to a repository that is in use",
    async (role) => {
      const served = await startServer();
      await makeDen(served);
      const other = await served.ask(role, "POST", "/den/config", { body: sample("config", 155, 5).bytes });
      expect([403, 403]).toEqual([other.status, (await put(served, role, "key", 400, 7)).status]);
      expect(Buffer.compare((await served.ask(role, "GET", "/den/config")).body, sample("config", 155).bytes)).toBe(0);
    },
  );

  test("admin replaces the config, and the old one is in the trash", async () => {
    const served = await startServer();
    await makeDen(served);
    const { bytes } = sample("config", 155, 5);
    expect((await served.ask("admin", "POST", "/den/config", { body: bytes })).status).toBe(200);
    expect(Buffer.compare((await served.ask("admin", "GET", "/den/config")).body, bytes)).toBe(0);
  });

  test("locks of others stay, unless a role may remove them", async () => {
    const served = await startServer();
    await makeDen(served);
    await put(served, "append-only", "lock");
    const { path } = sample("lock");
    for (const role of ["restore", "write-only"]) expect((await served.ask(role, "DELETE", path)).status).toBe(403);
    expect((await served.ask("maintenance", "DELETE", path)).status).toBe(200);
  });

  test("restore makes no repository", async () => {
    const served = await startServer();
    expect((await served.ask("restore", "POST", "/new/?create=true", { body: new Uint8Array(0) })).status).toBe(403);
  });

  test("a client reaches no repository but its own", async () => {
    const { hashToken } = await import("../src/repository-server/client-secrets.ts");
    const tokenHashes = [hashToken("token of den")];
    const served = await startServer({
      clients: [{ name: "den", role: "append-only", repositories: ["den", "team/*"], tokenHashes }],
    });
    const create = (path: string) => served.ask("den", "POST", `${path}?create=true`, { body: new Uint8Array(0) });
    expect((await create("/den/")).status).toBe(200);
    expect((await create("/team/a/")).status).toBe(200);
    for (const path of ["/", "/denial/", "/den/sub/", "/team/", "/teams/a/"])
      expect((await create(path)).status).toBe(403);
    expect((await served.ask("den", "GET", "/other/config")).status).toBe(403);
  });
});
