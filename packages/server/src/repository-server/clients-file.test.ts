/** The file of clients: what it may say, and what is said about what it may not. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashPassword, hashToken, isPasswordHash, newToken, verifyPassword, verifyToken } from "./client-secrets.ts";
import { type Client, mayUse, parseClients, readClients, writeClients } from "./clients-file.ts";

const TOKEN = hashToken("x");
const GOOD = { name: "den", role: "append-only", repositories: ["den", "team/*"], tokenHashes: [TOKEN] };

function fileOf(...clients: unknown[]): string {
  return JSON.stringify({ version: 1, clients });
}

describe("the file of clients", () => {
  test("comes back as it was written, for its owner only", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-clients-"));
    try {
      const path = join(folder, "clients.json");
      const clients: Client[] = [
        { ...GOOD, role: "append-only" },
        { ...GOOD, name: "b", role: "admin", quotaBytes: 5 },
      ];
      await writeClients(path, clients);
      expect(await readClients(path)).toEqual(clients);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await writeClients(path, []);
      expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ version: 1, clients: [] });
      await expect(readClients(join(folder, "absent"))).rejects.toMatchObject({ code: "SERVER_NO_CLIENTS" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    ["not JSON", "{ secret", "it is not JSON"],
    ["a list", "[]", "must be an object"],
    ["no version", '{"clients":[]}', "version must be 1"],
    ["another field", '{"version":1,"clients":[],"users":[]}', 'no field "users"'],
    ["no clients", '{"version":1}', "clients must be a list"],
    ["a client that is no object", fileOf("den"), "clients[0] must be an object"],
    ["a misspelt field", fileOf({ ...GOOD, quota: 5 }), 'clients[0] has no field "quota"'],
    ["a name with a slash", fileOf({ ...GOOD, name: "a/b" }), "clients[0].name"],
    ["another role", fileOf({ ...GOOD, role: "root" }), "clients[0].role must be one of restore, write-only"],
    ["a repository outside", fileOf({ ...GOOD, repositories: ["../x"] }), "clients[0].repositories"],
    ["a reserved repository", fileOf({ ...GOOD, repositories: ["a/data"] }), "clients[0].repositories"],
    ["a quota that is no number", fileOf({ ...GOOD, quotaBytes: "5g" }), "clients[0].quotaBytes"],
    ["a password in the clear", fileOf({ ...GOOD, passwordHash: "secret" }), "clients[0].passwordHash"],
    ["a token in the clear", fileOf({ ...GOOD, tokenHashes: ["secret"] }), "clients[0].tokenHashes"],
    ["no secret at all", fileOf({ ...GOOD, tokenHashes: [] }), "needs a passwordHash or tokenHashes"],
    ["one name twice", fileOf(GOOD, GOOD), "two clients with the name den"],
  ])("with %s is refused, and says where", (_, text, problem) => {
    let message = "";
    try {
      parseClients(text, "/etc/clients.json");
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain("/etc/clients.json");
    expect(message).toContain(problem);
    expect(message).not.toContain("secret");
  });
});

test.each([
  ["den", "den", true],
  ["den", "den/a", false],
  ["den", "denx", false],
  ["team/*", "team/a", true],
  ["team/*", "team/a/b", true],
  ["team/*", "team", false],
  ["team/*", "teams/a", false],
  ["*", "", true],
  ["*", "a/b", true],
  ["/", "", true],
  ["/", "a", false],
])("%s names %j: %s", (pattern, repository, expected) => {
  expect(mayUse({ name: "x", role: "admin", repositories: [pattern] }, repository)).toBe(expected);
});

describe("secrets", () => {
  test("a password is known by its hash, and no other is", async () => {
    const stored = await hashPassword("correct");
    expect(isPasswordHash(stored)).toBe(true);
    expect(stored).not.toBe(await hashPassword("correct"));
    expect([await verifyPassword("correct", stored), await verifyPassword("Correct", stored)]).toEqual([true, false]);
    expect(await verifyPassword("correct", "nonsense")).toBe(false);
  });

  test("hashes with costs that would take all memory are refused", async () => {
    const stored = await hashPassword("x");
    expect(isPasswordHash(stored.replace("$15$8$", "$30$8$"))).toBe(false);
    expect(isPasswordHash(stored.replace("$15$8$", "$15$0$"))).toBe(false);
  });

  test("a token has 256 random bits, and is known by its hash", () => {
    const token = newToken();
    expect(Buffer.from(token.slice(4), "base64url")).toHaveLength(32);
    expect([verifyToken(token, hashToken(token)), verifyToken(newToken(), hashToken(token))]).toEqual([true, false]);
    expect(verifyToken(token, "sha256$short")).toBe(false);
  });
});
