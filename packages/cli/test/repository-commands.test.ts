import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { holdfast, isInstalled, makeRepository, program, temporaryFolder } from "./command-runner.ts";

const PASSWORD = "correct horse battery staple";
const folder = temporaryFolder();
const repo = join(folder, "repo");
const variables = { HOLDFAST_REPOSITORY: repo, HOLDFAST_PASSWORD: PASSWORD };

beforeAll(async () => {
  await makeRepository(variables);
  mkdirSync(join(folder, "source/sub"), { recursive: true });
  writeFileSync(join(folder, "source/a.txt"), "one\n");
  writeFileSync(join(folder, "source/sub/b.txt"), "two\n");
});

describe("opening a repository", () => {
  test("no repository is exit code 10, and nobody is asked for a password", async () => {
    const { code, stderr } = await holdfast(["snapshots", "-r", join(folder, "none")]);
    expect(code).toBe(10);
    expect(stderr).toContain("there is no repository at");
  });

  test("a wrong password is exit code 12, also from standard input", async () => {
    const wrong = "not the password";
    const byVariable = await holdfast(["snapshots"], { variables: { ...variables, HOLDFAST_PASSWORD: wrong } });
    expect(byVariable.code).toBe(12);
    expect(byVariable.stderr).not.toContain(wrong);
    const byInput = await holdfast(["-r", repo, "snapshots", "--json"], { input: `${wrong}\n` });
    expect(byInput.code).toBe(12);
    expect(JSON.parse(byInput.stderr)).toMatchObject({ message_type: "exit_error", code: 12 });
  });

  test("what the command line lacks is exit code 2", async () => {
    const results = await Promise.all([
      holdfast(["snapshots"]),
      holdfast(["snapshots", "--frobnicate"]),
      holdfast(["backup"], { variables }),
      holdfast(["-r", repo, "--repository-file", "x", "snapshots"]),
      holdfast(["init", "--pack-size"]),
      holdfast([]),
    ]);
    expect(results.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2]);
  });

  test("an existing repository is not made again", async () => {
    const { code, stderr } = await holdfast(["init"], { variables });
    expect(code).toBe(1);
    expect(stderr).toContain("already");
  });

  test("the password may come from a file, a command and standard input; a line end is not part of it", async () => {
    const file = join(folder, "password");
    writeFileSync(file, `${PASSWORD}\r\n`);
    const script = join(folder, "print password.sh");
    writeFileSync(script, `#!/bin/sh\n[ -z "$HOLDFAST_PASSWORD$RESTIC_PASSWORD" ] || exit 1\nprintf '%s\\n' "$1"\n`);
    chmodSync(script, 0o755);
    const command = `'${script}' "${PASSWORD}"`;
    const results = await Promise.all([
      holdfast(["list", "keys", "-r", repo, "-p", file]),
      holdfast(["list", "keys", "-r", repo], { variables: { RESTIC_PASSWORD_FILE: file } }),
      holdfast(["list", "keys", "-r", repo, "--password-command", command]),
      holdfast(["list", "keys", "-r", repo], { input: `${PASSWORD}\n` }),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(results[0]?.stdout).toMatch(/^[0-9a-f]{64}\n$/);
  });

  test.skipIf(!isInstalled("restic"))(
    "white space around a password in a file is what restic takes it for",
    async () => {
      const file = (name: string, content: string | Buffer): string => {
        const path = join(folder, name);
        writeFileSync(path, content);
        return path;
      };
      const place = join(folder, "spaces");
      await makeRepository({ HOLDFAST_REPOSITORY: place, HOLDFAST_PASSWORD: "secret" });
      const good = ["secret\n", " secret\r\n", "secret \n", Buffer.from("\ufeffsecret", "utf16le")];
      const bad = ["secret\ufeff\n"];
      for (const [n, content] of [...good, ...bad].entries()) {
        const path = file(`spaced ${n}`, content);
        const isGood = n < good.length;
        const own = await holdfast(["list", "keys", "-r", place, "-p", path]);
        const restic = await program("restic", ["list", "keys", "-r", place, "-p", path, "--no-cache", "-q"]);
        expect([own.code === 0, restic.code === 0], JSON.stringify(content)).toEqual([isGood, isGood]);
      }
    },
  );

  test("what is no password says how to give one", async () => {
    const none = await holdfast(["snapshots", "-r", repo]);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/the repository password was not given.*\nhint: Give --password-file/);
    const empty = await holdfast(["snapshots", "-r", repo], { input: "\n" });
    expect(empty.stderr).toContain("the password is empty");
    const absent = await holdfast(["snapshots", "-r", repo], { variables: { RESTIC_PASSWORD_FILE: "/nowhere" } });
    expect(absent.code).toBe(1);
    expect(absent.stderr).toMatch(
      /the password file \/nowhere cannot be read: .*\nhint: RESTIC_PASSWORD_FILE names it/,
    );
  });

  test("a password command that fails is reported without what it printed", async () => {
    const { code, stderr, stdout } = await holdfast([
      "list",
      "keys",
      "-r",
      repo,
      "--password-command",
      `sh -c 'echo geheim; exit 3'`,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("exit code 3");
    expect(stdout + stderr).not.toContain("geheim");
  });
});

describe("keys", () => {
  test("a key is added, used, and removed; the one in use stays", async () => {
    const file = join(folder, "second");
    writeFileSync(file, "second password\n");
    const added = await holdfast(["key", "add", "--new-password-file", file, "--host", "h", "--user", "u", "--json"], {
      variables,
    });
    expect(added).toMatchObject({ code: 0 });
    const { id } = JSON.parse(added.stdout) as { id: string };
    const listed = await holdfast(["key", "list", "--json", "-r", repo, "-p", file]);
    const keys = JSON.parse(listed.stdout) as { id: string; current: boolean; userName: string; hostName: string }[];
    expect(keys).toHaveLength(2);
    expect(keys.find((key) => key.current)).toMatchObject({ id, userName: "u", hostName: "h" });
    const inUse = await holdfast(["key", "remove", id.slice(0, 12), "-r", repo, "-p", file]);
    expect(inUse.code).toBe(1);
    const removed = await holdfast(["key", "remove", id.slice(0, 12)], { variables });
    expect(removed.code).toBe(0);
    expect((await holdfast(["list", "keys", "-r", repo, "-p", file])).code).toBe(12);
  });

  test("passwd replaces the password", async () => {
    const other = join(folder, "other");
    const made = { HOLDFAST_REPOSITORY: other, HOLDFAST_PASSWORD: "before" };
    await holdfast(["init", "-q"], { variables: made });
    const { code } = await holdfast(["key", "passwd", "-r", other], { input: "before\nafter\n" });
    expect(code).toBe(0);
    expect((await holdfast(["list", "keys"], { variables: made })).code).toBe(12);
    expect(
      (await holdfast(["list", "keys"], { variables: { ...made, HOLDFAST_PASSWORD: "after" } })).stdout
        .trim()
        .split("\n"),
    ).toHaveLength(1);
  });

  test("an empty password needs to be wanted", async () => {
    const open = join(folder, "open");
    expect((await holdfast(["init", "-r", open], { input: "\n" })).code).toBe(1);
    expect((await holdfast(["init", "-r", open, "--insecure-no-password"])).code).toBe(0);
    expect((await holdfast(["snapshots", "-r", open, "--insecure-no-password"])).code).toBe(0);
  });
});

describe("init", () => {
  test("says in JSON what was made", async () => {
    const place = join(folder, "new");
    const made = await holdfast(["init", "--json", "--insecure-no-password", "-r", place]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(made.stdout)).toEqual({
      message_type: "initialized",
      id: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      repository: place,
    });
  });

  test("takes over the chunker's polynomial of another repository", async () => {
    const copy = join(folder, "copy");
    const settings = {
      ...variables,
      HOLDFAST_REPOSITORY: copy,
      HOLDFAST_FROM_REPOSITORY: repo,
      HOLDFAST_FROM_PASSWORD: PASSWORD,
    };
    const { code } = await holdfast(["init", "--copy-chunker-params", "--repository-version", "1"], {
      variables: settings,
    });
    expect(code).toBe(0);
    const configs = await Promise.all(
      [repo, copy].map((place) =>
        holdfast(["cat", "config"], { variables: { ...variables, HOLDFAST_REPOSITORY: place } }),
      ),
    );
    const [first, second] = configs.map(
      ({ stdout }) => JSON.parse(stdout) as { version: number; id: string; chunker_polynomial: string },
    );
    expect(second?.chunker_polynomial).toBe(first?.chunker_polynomial);
    expect(second?.id).not.toBe(first?.id);
    expect([first?.version, second?.version]).toEqual([2, 1]);
  });
});

describe("snapshots, ls, dump, restore, check", () => {
  test("what was backed up is listed, printed, restored and found to be whole", async () => {
    const source = join(folder, "source");
    const backup = await holdfast(["backup", source, "--tag", "t,u", "--host", "ada", "--json"], { variables });
    expect(backup).toMatchObject({ code: 0, stderr: "" });
    const summary = JSON.parse(backup.stdout.trim().split("\n").at(-1) as string) as { snapshot_id: string };
    expect(summary).toMatchObject({
      message_type: "summary",
      files_new: 2,
      total_files_processed: 2,
      total_bytes_processed: 8,
    });

    const list = await holdfast(["snapshots", "--json", "--host", "ada"], { variables });
    expect(JSON.parse(list.stdout)).toMatchObject([
      {
        id: summary.snapshot_id,
        short_id: summary.snapshot_id.slice(0, 8),
        paths: [source],
        tags: ["t", "u"],
        hostname: "ada",
      },
    ]);
    const ls = await holdfast(["ls", `latest:${source}`, "--json"], { variables });
    const nodes = ls.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { message_type: string; path?: string });
    expect(nodes.map(({ message_type, path }) => [message_type, path])).toEqual([
      ["snapshot", undefined],
      ["node", "/a.txt"],
      ["node", "/sub"],
      ["node", "/sub/b.txt"],
    ]);
    expect((await holdfast(["dump", "latest", join(source, "sub/b.txt")], { variables })).stdout).toBe("two\n");

    const target = join(folder, "restored");
    const restored = await holdfast(
      ["restore", `latest:${source}`, "-t", target, "-i", "*.txt", "-e", "a.*", "--verify", "-q"],
      { variables },
    );
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(target, { recursive: true })).toEqual(["sub", "sub/b.txt"]);
    expect(readFileSync(join(target, "sub/b.txt"), "utf8")).toBe("two\n");

    const check = await holdfast(["check", "--read-data", "--json"], { variables });
    expect(check.code).toBe(0);
    expect(JSON.parse(check.stdout.trim().split("\n").at(-1) as string)).toMatchObject({
      message_type: "summary",
      num_errors: 0,
    });
  });

  test("a source that cannot be read is exit code 3, and the snapshot is made all the same", async () => {
    const { code, stdout, stderr } = await holdfast(["backup", "source", "missing", "--json", "--host", "eve"], {
      variables,
      cwd: folder,
    });
    expect(code).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({
      message_type: "error",
      during: "archival",
      item: join(folder, "missing"),
    });
    expect(JSON.parse(stdout.trim().split("\n").at(-1) as string)).toMatchObject({
      snapshot_id: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });

  test("the output of a command is stored, and none when it fails", async () => {
    const good = await holdfast(
      ["backup", "--stdin-from-command", "--stdin-filename", "x/y", "--host", "cmd", "-q", "--", "printf", "hello"],
      { variables },
    );
    expect(good).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const bad = await holdfast(
      ["backup", "--stdin-from-command", "--host", "cmd", "--", "sh", "-c", "echo half; exit 7"],
      { variables },
    );
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain("exit code 7");
    const list = await holdfast(["snapshots", "--json", "--host", "cmd"], { variables });
    expect(JSON.parse(list.stdout)).toMatchObject([{ paths: ["/x/y"] }]);
    expect((await holdfast(["dump", "latest", "/x/y", "--host", "cmd"], { variables })).stdout).toBe("hello");
  });

  test("standard input is stored; then it cannot give the password", async () => {
    const stored = await holdfast(["backup", "--stdin", "--host", "pipe"], { variables, input: "from a pipe" });
    expect(stored.code).toBe(0);
    expect((await holdfast(["dump", "latest", "/stdin", "--host", "pipe"], { variables })).stdout).toBe("from a pipe");
    const refused = await holdfast(["backup", "--stdin", "-r", repo], { input: `${PASSWORD}\n` });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("standard input cannot give both") as string,
    });
  });

  test("a dry run writes nothing", async () => {
    const before = readdirSync(repo, { recursive: true }).length;
    const { code, stderr } = await holdfast(["backup", join(folder, "source"), "-n", "-f"], { variables });
    expect(code).toBe(0);
    expect(stderr).toContain("dry run: nothing was stored");
    expect(readdirSync(repo, { recursive: true })).toHaveLength(before);
  });

  test("damage is exit code 20", async () => {
    const broken = join(folder, "broken");
    await program("cp", ["-r", repo, broken]);
    const packs = readdirSync(join(broken, "data"), { recursive: true })
      .map(String)
      .filter((name) => /[0-9a-f]{64}$/.test(name));
    for (const pack of packs) {
      const path = join(broken, "data", pack);
      chmodSync(path, 0o600);
      writeFileSync(path, Buffer.alloc(statSync(path).size));
    }
    const { code, stderr } = await holdfast(["check"], { variables: { ...variables, HOLDFAST_REPOSITORY: broken } });
    expect(code).toBe(20);
    expect(stderr).toContain("damage: pack ");
  });
});

describe.skipIf(!isInstalled("restic"))("together with restic", () => {
  const resticVariables = {
    RESTIC_REPOSITORY: repo,
    RESTIC_PASSWORD: PASSWORD,
    RESTIC_CACHE_DIR: join(folder, "cache"),
  };

  test("restic opens and checks a repository made by init", async () => {
    expect((await program("restic", ["snapshots"], { variables: resticVariables })).code).toBe(0);
    expect((await program("restic", ["check", "--read-data"], { variables: resticVariables })).code).toBe(0);
  });

  test("a repository of restic is opened, and its snapshots are listed and restored", async () => {
    const other = join(folder, "by-restic");
    const settings = { ...resticVariables, RESTIC_REPOSITORY: other };
    await program("restic", ["init"], { variables: settings });
    await program("restic", ["backup", join(folder, "source"), "--tag", "x"], { variables: settings });
    const list = await holdfast(["snapshots", "--json"], { variables: settings });
    expect(JSON.parse(list.stdout)).toMatchObject([{ paths: [join(folder, "source")], tags: ["x"] }]);
    const target = join(folder, "from-restic");
    expect((await holdfast(["restore", "latest", "-t", target], { variables: settings })).code).toBe(0);
    expect(readFileSync(join(target, folder, "source/a.txt"), "utf8")).toBe("one\n");
  });
});
