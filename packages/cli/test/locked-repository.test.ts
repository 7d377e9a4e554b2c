import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Secret } from "@holdfast/base";
import { openRepository, withLock } from "@holdfast/engine";
import { openBackend } from "@holdfast/storage";
import { holdfast, makeRepository, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const repo = join(folder, "repo");
const variables = { HOLDFAST_REPOSITORY: repo, HOLDFAST_PASSWORD: "test" };
const { signal } = new AbortController();

beforeAll(async () => {
  await makeRepository(variables);
  mkdirSync(join(folder, "source"));
  writeFileSync(join(folder, "source/a.txt"), "one\n");
  expect((await holdfast(["backup", "-q", join(folder, "source")], { variables })).code).toBe(0);
});

describe("while somebody holds an exclusive lock", () => {
  test("restore points stay reachable, with a warning; what writes or judges waits its turn", async () => {
    const repository = await openRepository(await openBackend(repo), new Secret("test"), { signal });
    await withLock(repository, { exclusive: true, signal }, async () => {
      for (const args of [
        ["snapshots"],
        ["ls", "latest"],
        ["dump", "latest", join(folder, "source/a.txt")],
        ["restore", "latest", "--target", join(folder, "target")],
      ]) {
        const { code, stderr } = await holdfast(args, { variables });
        expect(code, args[0]).toBe(0);
        expect(stderr).toContain("reading without a lock");
      }
      for (const args of [["backup", folder], ["check"]]) {
        expect((await holdfast(args, { variables })).code, args[0]).toBe(11);
      }
    });
  });
});

describe("passwords", () => {
  test.for(["test", "test\n", " test \r\n\n", "\uFEFFtest\n"])(
    "a password file that holds %j opens as restic would",
    async (content) => {
      const file = join(folder, "password");
      writeFileSync(file, content);
      const { code } = await holdfast(["-r", repo, "-p", file, "snapshots"]);
      expect(code).toBe(0);
    },
  );
});
