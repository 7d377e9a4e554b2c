/** What is wrong with rclone or a remote of it: a clear error at once, and nothing is lost. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type BadInput, expectRefused, expectWhole, succeed } from "./bad-input.ts";
import { isInstalled, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const variables = { RCLONE_CONFIG: "/dev/null", XDG_CACHE_HOME: join(folder, "cache") };
const repository = `rclone::local:${join(folder, "repository")}`;

type Expected = Pick<BadInput, "says" | "hint">;

test.for([
  ["is not installed under that name", "rclone-of-nobody"],
  ["is not at that path", "/nowhere/rclone"],
])("a program that %s is told as such", async ([, program]) => {
  const argv = ["snapshots", "-r", repository, "-o", `rclone.program=${program}`];
  const hint = /Install rclone, or name it with -o rclone.program/;
  await expectRefused({ argv, variables, exit: 1, error: "STORAGE_PROGRAM", says: /no such program/, hint });
});

describe.skipIf(!isInstalled("rclone"))("a repository by rclone", { timeout: 120_000 }, () => {
  const file = join(folder, "file");
  beforeAll(async () => {
    writeFileSync(file, randomBytes(1000));
    await succeed(["init", "-q", "-r", repository], variables);
    await succeed(["backup", "-q", "-r", repository, file], variables);
  }, 120_000);
  afterAll(() => expectWhole(["-r", repository], variables), 120_000);

  test.for([
    [
      "an unknown remote, which may hold a password",
      "rclone:nosuch,pass=s3cr3t-login:x",
      [],
      { says: /didn't find section/, hint: /rclone lsd/ },
    ],
    [
      "a kind of remote that is none",
      "rclone::nosuchkind,pass=s3cr3t-login:x",
      [],
      { says: /didn't find backend/, hint: /rclone/ },
    ],
    [
      "an argument that is none",
      repository,
      ["rclone.args=serve restic --wrong"],
      { says: /unknown flag/, hint: /rclone.args/ },
    ],
    ["a command that serves nothing", repository, ["rclone.args=version"], { says: /it ended/, hint: /rclone.args/ }],
    [
      "a command that serves something else",
      repository,
      ["rclone.args=serve http", "rclone.timeout=5"],
      { says: /./, hint: /rclone.args/ },
    ],
  ] as readonly [string, string, readonly string[], Expected][])(
    "with %s is told as such",
    async ([, at, options, expected]) => {
      const argv = ["snapshots", "-r", at, ...options.flatMap((option) => ["-o", option])];
      await expectRefused({ argv, variables, exit: 1, error: "STORAGE_PROGRAM", ...expected });
    },
  );

  test("with a program that is another one is told as such", async () => {
    const argv = ["snapshots", "-r", repository, "-o", "rclone.program=true"];
    const other = { error: "STORAGE_PROGRAM", says: /true does not do its work: it ended/, hint: /rclone.program/ };
    await expectRefused({ argv, variables, exit: 1, ...other });
  });

  test("with arguments that cannot be taken apart, or a number that is none, is told as such", async () => {
    for (const [option, says] of [
      ["rclone.args=serve 'restic", /rclone\.args/],
      ["rclone.timeout=soon", /rclone\.timeout/],
    ] as const) {
      const argv = ["snapshots", "-r", repository, "-o", option];
      await expectRefused({
        argv,
        variables,
        exit: 1,
        error: "STORAGE_INVALID_OPTION",
        says,
        hint: /leave the option out/,
      });
    }
  });
});
