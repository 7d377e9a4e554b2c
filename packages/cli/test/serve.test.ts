/** `serve` on the command line: a server, its clients, its trash. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { holdfast, isInstalled, program, startServer, temporaryFolder } from "./command-runner.ts";

const testRestic = isInstalled("restic") ? test : test.skip;

describe("serve client", () => {
  test("adds clients with a token that is shown once, lists and removes them", async () => {
    const clients = join(temporaryFolder(), "clients.json");
    const variables = { HOLDFAST_SERVER_CLIENTS: clients };
    const added = await holdfast(["serve", "client", "add", "den", "--quota", "10g"], { variables });
    expect([added.code, added.stdout.trim()]).toEqual([0, expect.stringMatching(/^hft_[A-Za-z0-9_-]{43}$/)]);
    expect(statSync(clients).mode & 0o777).toBe(0o600);
    expect(readFileSync(clients, "utf8")).not.toContain(added.stdout.trim());
    const again = await holdfast(["serve", "client", "add", "den"], { variables });
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("there is a client den already")]);
    const keeper = ["serve", "client", "add", "keeper", "--role", "maintenance", "--repository", "*"];
    expect((await holdfast(keeper, { variables })).code).toBe(0);
    const { stdout } = await holdfast(["serve", "client", "list", "--json"], { variables });
    expect(JSON.parse(stdout)).toMatchObject([
      { name: "den", role: "append-only", repositories: ["den"], quota_bytes: 10 * 2 ** 30, tokens: 1 },
      { name: "keeper", role: "maintenance", repositories: ["*"] },
    ]);
    expect((await holdfast(["serve", "client", "remove", "den"], { variables })).code).toBe(0);
    expect((await holdfast(["serve", "client", "remove", "den"], { variables })).code).toBe(1);
    expect((await holdfast(["serve", "client", "list"], { variables })).stdout).toContain("1 client");
  });

  test.each([
    [["add", "../x"], 2, "'../x' is not a value"],
    [["add", "x", "--repository", "../y"], 2, "--repository"],
    [["add", "x", "--role", "king"], 2, "king"],
    [["add", "x", "--quota", "lots"], 2, "--quota"],
    [["list"], 1, "there is no file of clients"],
  ])("refuses %j", async (argv, code, text) => {
    const variables = { HOLDFAST_SERVER_CLIENTS: join(temporaryFolder(), "clients.json") };
    const outcome = await holdfast(["serve", "client", ...argv], { variables });
    expect([outcome.code, outcome.stderr]).toEqual([code, expect.stringContaining(text)]);
  });

  test("needs a file of clients, and one that is right", async () => {
    const folder = temporaryFolder();
    expect(await holdfast(["serve", "client", "list"])).toMatchObject({ code: 2 });
    expect(await holdfast(["serve", "repository", folder])).toMatchObject({ code: 2 });
    const listen = ["--listen", "0.0.0.0:0", "--clients", join(folder, "x")];
    const open = await holdfast(["serve", "repository", folder, ...listen]);
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining("can be reached by other machines")]);
    const absent = await holdfast(["serve", "repository", join(folder, "absent"), "--anonymous", "restore"]);
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining("is not there")]);
    const nowhere = await holdfast(["serve", "repository", folder, "--listen", "nonsense", "--anonymous", "restore"]);
    expect(nowhere.code).toBe(2);
  });
});

describe("serve repository", () => {
  testRestic("serves restic, and brings back what was removed", async () => {
    const folder = temporaryFolder();
    const server = await startServer([folder, "--anonymous", "maintenance"]);
    const restic = (...argv: string[]) =>
      program("restic", ["-r", `rest:${server.url}den/`, "--no-cache", ...argv], {
        variables: { RESTIC_PASSWORD: "correct horse" },
      });
    for (const argv of [["init"], ["backup", import.meta.filename], ["forget", "latest", "--prune"]]) {
      expect(await restic(...argv)).toMatchObject({ code: 0 });
    }
    expect(JSON.parse((await restic("snapshots", "--json")).stdout)).toEqual([]);
    const listed = await holdfast(["serve", "trash", "list", folder, "--repository", "den", "--json"]);
    expect((JSON.parse(listed.stdout) as { type: string }[]).map(({ type }) => type)).toContain("snapshot");
    expect(await holdfast(["serve", "trash", "restore", folder, "--repository", "den"])).toMatchObject({ code: 0 });
    expect(JSON.parse((await restic("snapshots", "--json")).stdout)).toHaveLength(1);
    expect(await restic("check", "--read-data")).toMatchObject({ code: 0 });

    expect(await restic("forget", "latest")).toMatchObject({ code: 0 });
    expect(await holdfast(["serve", "trash", "purge", folder])).toMatchObject({ code: 2 });
    const purged = await holdfast(["serve", "trash", "purge", folder, "--all"]);
    expect([purged.code, purged.stderr]).toEqual([0, expect.stringContaining("destroyed 1 file")]);
    expect(await server.stop()).toBe(0);
  });

  test("ends with 0 when it is told to, and survives SIGHUP", async () => {
    const server = await startServer([temporaryFolder(), "--anonymous", "restore", "--metrics", "127.0.0.1:0"]);
    server.child.kill("SIGHUP");
    const { status } = await fetch(`${server.url}den/config`);
    expect(status).toBe(404);
    expect(await server.stop()).toBe(0);
  });
});
