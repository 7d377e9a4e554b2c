/** Sources of a configuration on the command line: captured, proven, restored, and what is wrong said. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, ended, holdfast, startHoldfast, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const config = join(folder, "config");
const file = join(config, "holdfast/holdfast.yaml");
const database = join(folder, "shop.db");

function run(argv: readonly string[], variables: Record<string, string> = {}): Promise<Ended> {
  return holdfast(argv, {
    variables: { XDG_CONFIG_HOME: config, XDG_STATE_HOME: join(folder, "state"), HOME: folder, ...variables },
  });
}

async function succeed(argv: readonly string[], variables: Record<string, string> = {}): Promise<Ended> {
  const outcome = await run(argv, variables);
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

function configuration(changes = ""): string {
  return `
version: 1
repositories:
  main:
    location: ${join(folder, "main")}
    password: { file: ${join(folder, "password")} }
  second:
    location: ${join(folder, "second")}
    password: { env: SECOND_PASSWORD }
sources:
  shop:
    kind: sqlite
    path: ${database}
    queries:
      - { sql: SELECT count(*) FROM item, expect: 3 }
  numbers:
    kind: command
    capture: [seq, "1000"]
    output: numbers.txt
    repositories: [main]
    prove: [sh, -c, test $(wc -l) -eq 1000 && echo 1000 lines]
${changes}`;
}

const second = { SECOND_PASSWORD: "another" };

beforeAll(async () => {
  mkdirSync(join(config, "holdfast"), { recursive: true });
  writeFileSync(join(folder, "password"), "correct horse\n", { mode: 0o600 });
  writeFileSync(file, configuration(), { mode: 0o600 });
  const made = new DatabaseSync(database);
  made.exec(
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO item (name) VALUES ('a'), ('b'), ('c')",
  );
  made.close();
  await succeed(["-r", "main", "init", "-q"]);
  await succeed(["-r", "second", "init", "-q"], second);
});

describe("sources of a configuration", () => {
  test("are stored in each of their repositories, all or by name, and listed by the name of the repository", async () => {
    await succeed(["backup", "-q"], second);
    const listed = async (name: string) =>
      JSON.parse((await succeed(["-r", name, "snapshots", "--json"], second)).stdout) as {
        paths: string[];
        tags: string[];
      }[];
    expect((await listed("main")).map(({ paths }) => paths)).toEqual([["/sqlite/shop"], ["/command/numbers"]]);
    expect(await listed("second")).toMatchObject([{ paths: ["/sqlite/shop"], tags: ["source:shop", "kind:sqlite"] }]);
    await succeed(["backup", "-q", "numbers"]);
    expect(await listed("main")).toHaveLength(3);
  });

  test("are captured once: further repositories get a copy of the same moment", async () => {
    const factsIn = async (name: string): Promise<unknown> =>
      JSON.parse((await succeed(["-r", name, "dump", "latest:/sqlite/shop", "capture.json"], second)).stdout);
    await succeed(["backup", "-q", "shop"], second);
    expect(await factsIn("second")).toEqual(await factsIn("main"));
  });

  test("are stored in the next repository when one is out of reach", async () => {
    const away = join(folder, "main-away");
    renameSync(join(folder, "main"), away);
    const outcome = await run(["backup", "-q", "shop"], second);
    renameSync(away, join(folder, "main"));
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain("source shop is not stored to main");
    const listed = JSON.parse((await succeed(["-r", "second", "snapshots", "--json"], second)).stdout) as unknown[];
    const inMain = JSON.parse(
      (await succeed(["-r", "main", "snapshots", "--json", "--tag", "source:shop"])).stdout,
    ) as unknown[];
    expect(listed).toHaveLength(inMain.length + 1);
  });

  test("are proven, and what was proven is recorded", async () => {
    const { stdout } = await succeed(["prove", "--all-repositories"], second);
    expect(stdout.match(/is PROVEN/g)).toHaveLength(3);
    const json = await succeed(["prove", "shop", "--json"], second);
    const proof = JSON.parse(json.stdout.trim().split("\n").at(-1) ?? "") as {
      proven: boolean;
      checks: { passed: boolean }[];
    };
    expect(proof).toMatchObject({ message_type: "proof", source: "shop", proven: true });
    expect(proof.checks.every(({ passed }) => passed)).toBe(true);
    const shown = JSON.parse((await succeed(["-r", "main", "snapshots", "--json"])).stdout) as {
      paths: string[];
      verified?: unknown;
    }[];
    expect(JSON.stringify(shown)).toMatch(/verified|proven/);
  });

  test("that do not stand the look are not proven, with exit code 20", async () => {
    writeFileSync(file, configuration().replace("expect: 3", "expect: 4"));
    const { code, stdout } = await run(["prove", "shop"], second);
    writeFileSync(file, configuration());
    expect([code, stdout]).toEqual([20, expect.stringContaining("shop is NOT PROVEN")]);
    expect(stdout).toContain("3, where 4 was expected");
  });

  test("come back to their place, to another, or as files; what is there is refused", async () => {
    const there = await run(["restore", "shop"], second);
    expect([there.code, there.stderr]).toEqual([1, expect.stringContaining("--replace")]);
    rmSync(database);
    await succeed(["restore", "shop", "-q"], second);
    const copy = join(folder, "copy.db");
    await succeed(["restore", "shop", "-q", "--set", `path=${copy}`], second);
    for (const path of [database, copy]) {
      const opened = new DatabaseSync(path, { readOnly: true });
      expect(Object.values(opened.prepare("SELECT count(*) FROM item").get() ?? {})).toEqual([3]);
      opened.close();
    }
    await succeed(["restore", "numbers", "-t", join(folder, "files"), "-q"]);
    expect(readdirSync(join(folder, "files")).sort()).toEqual(["capture.json", "numbers.txt"]);
    expect(readFileSync(join(folder, "files/numbers.txt"), "utf8").trim().split("\n")).toHaveLength(1000);
  });

  describe("that are kept in two repositories come back from the second", () => {
    const away = join(folder, "main-away");
    const restored = async (variables: Record<string, string> = {}): Promise<Ended> => {
      rmSync(join(folder, "from-second"), { recursive: true, force: true });
      return run(["restore", "shop", "-t", join(folder, "from-second")], { ...second, ...variables });
    };
    const expectWhole = (): void => {
      const opened = new DatabaseSync(join(folder, "from-second/shop.db"), { readOnly: true });
      expect(Object.values(opened.prepare("SELECT count(*) FROM item").get() ?? {})).toEqual([3]);
      opened.close();
    };
    const packsOf = (name: string): string[] =>
      readdirSync(join(folder, name, "data"), { recursive: true, encoding: "utf8" })
        .filter((path) => /[0-9a-f]{64}$/.test(path))
        .map((path) => join(folder, name, "data", path));

    test("when the first is not there", async () => {
      renameSync(join(folder, "main"), away);
      const { code, stderr } = await restored();
      renameSync(away, join(folder, "main"));
      expect([code, stderr]).toEqual([0, expect.stringContaining("main is passed over")]);
      expectWhole();
    });

    test("when the first has no snapshot of it, or has lost what it needs", async () => {
      cpSync(join(folder, "main"), away, { recursive: true });
      for (const pack of packsOf("main")) {
        chmodSync(pack, 0o600);
        writeFileSync(pack, "");
      }
      const damaged = await restored();
      rmSync(join(folder, "main/snapshots"), { recursive: true });
      mkdirSync(join(folder, "main/snapshots"));
      const empty = await restored();
      rmSync(join(folder, "main"), { recursive: true });
      renameSync(away, join(folder, "main"));
      for (const { code, stderr } of [damaged, empty]) {
        expect([code, stderr]).toEqual([0, expect.stringContaining("main is passed over")]);
      }
      expectWhole();
    });

    test("and when none has it, what is wrong with the first is said", async () => {
      renameSync(join(folder, "main"), away);
      renameSync(join(folder, "second"), `${away}-2`);
      const { code, stderr } = await restored();
      renameSync(away, join(folder, "main"));
      renameSync(`${away}-2`, join(folder, "second"));
      expect(code).toBe(10);
      expect(stderr.trim().split("\n").at(-2)).toContain(join(folder, "main"));
    });
  });
});

describe("what is wrong", () => {
  test("with a restore as files that names no folder is said: nothing is put where it would be removed again", async () => {
    for (const name of ["shop", "numbers"]) {
      const { code, stdout, stderr } = await run(["restore", name, "--as", "folder"], second);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("--target");
    }
  });

  test.for<[argv: string[], message: RegExp]>([
    [["restore", "shop", "--dry-run", "--replace"], /--dry-run is about files/],
    [["restore", "shop", "--include", "/x", "--replace"], /--include is about files/],
    [["backup", "shop", "--exclude", "*.tmp"], /--exclude is about files/],
  ])("an option that a source cannot follow is refused, and nothing done: %s", async ([argv, message]) => {
    const before = readFileSync(database);
    const { code, stderr } = await run(argv, second);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(readFileSync(database).equals(before)).toBe(true);
  });

  test.for<[argv: string[], option: string]>([
    [["latest", "--replace"], "--replace"],
    [["latest:/etc", "--until", "2026-11-01"], "--until"],
    [["shopp", "--as", "server"], "--as"],
    [["latest", "--set", "port=5433"], "--set"],
    [["latest", "--snapshot", "latest"], "--snapshot"],
  ])("an option that files cannot follow is refused, and nothing restored: %s", async ([argv, option]) => {
    const target = join(folder, "of-files");
    const { code, stderr } = await run(["-r", "main", "restore", "-t", target, ...argv]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${option} is about a source of the configuration`)]);
    expect(existsSync(target)).toBe(false);
  });

  test("names that also lie here are not guessed at", async () => {
    const here = temporaryFolder();
    for (const name of ["main", "shop"]) writeFileSync(join(here, name), "mine");
    const variables = { ...second, XDG_CONFIG_HOME: config, XDG_STATE_HOME: join(folder, "state"), HOME: folder };
    for (const argv of [
      ["-r", "main", "snapshots"],
      ["backup", "shop"],
      ["restore", "shop"],
    ]) {
      const { code, stderr } = await holdfast(argv, { variables, cwd: here });
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/'(main|shop)' is a .* of the configuration, and also/),
      ]);
    }
  });

  test("what has no snapshot, no repository or no configuration says so, with the next step", async () => {
    const host = await run(["prove", "shop", "--host", "another"], second);
    expect([host.code, host.stderr]).toEqual([
      1,
      expect.stringMatching(/no snapshot of the source shop .*holdfast backup shop/),
    ]);
    writeFileSync(file, "version: 1\nsources: { a: { kind: command, capture: [seq, '3'] } }\n");
    const nowhere = await run(["backup", "a"]);
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("the source a has no repository")]);
    writeFileSync(file, configuration());
    const none = await run(["prove"], { XDG_CONFIG_HOME: join(folder, "nothing") });
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("there is no configuration")]);
    const unreadable = await run(["--config", folder, "config", "check"]);
    expect([unreadable.code, unreadable.stderr]).toEqual([1, expect.stringContaining("it is no file")]);
  });

  test("a run that is ended by force leaves nothing of what its source puts aside", async () => {
    const temporary = join(folder, "put-aside");
    mkdirSync(temporary);
    writeFileSync(file, configuration("  slow: { kind: command, capture: [sleep, '60'], repositories: [main] }\n"));
    const own = { XDG_CONFIG_HOME: config, XDG_STATE_HOME: join(folder, "state"), HOME: folder, TMPDIR: temporary };
    const child = startHoldfast(["backup", "-q", "slow"], { variables: { ...second, ...own } });
    const outcome = ended(child);
    const putAside = (): string[] => readdirSync(temporary).filter((name) => name.startsWith("holdfast-"));
    for (let n = 0; n < 400 && putAside().length === 0; n++) await sleep(25);
    expect(putAside()).toHaveLength(1);
    // The second one leaves no time to tidy up.
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const { code } = await outcome;
    writeFileSync(file, configuration());
    expect(code).toBeGreaterThan(128);
    expect(putAside()).toEqual([]);
  });

  test("a configuration without sources is nothing to back up", async () => {
    writeFileSync(file, "version: 1\n");
    const { code, stderr } = await run(["backup"]);
    writeFileSync(file, configuration());
    expect([code, stderr]).toEqual([2, expect.stringContaining("has no sources")]);
  });

  test("with one source keeps no other from being stored, and makes no snapshot of it", async () => {
    const broken = `  broken:
    kind: command
    capture: [sh, -c, echo half; exit 3]
`;
    writeFileSync(
      file,
      configuration(broken).replace("  shop:\n    kind: sqlite", "  shop:\n    kind: sqlite\n    repositories: [main]"),
    );
    const { code, stderr } = await run(["backup", "broken", "shop"], second);
    writeFileSync(file, configuration());
    expect(code).toBe(1);
    expect(stderr).toMatch(/source broken is not stored: sh failed .* exit code 3/);
    expect(stderr).toMatch(/snapshot \w+ saved/);
    expect((await succeed(["-r", "main", "snapshots"])).stdout).not.toContain("/command/broken");
  });

  test.for<[what: string, text: string, message: RegExp]>([
    [
      "a setting that there is not",
      configuration("    colour: red"),
      /holdfast\.yaml:\d+:5: sources\.numbers\.colour: there is no such setting/,
    ],
    [
      "a password that stands in it",
      configuration().replace("{ env: SECOND_PASSWORD }", "hunter2"),
      /:\d+:5: repositories\.second\.password: a secret is not written here/,
    ],
  ])("in the file is said with line and column: %s", async ([, text, message]) => {
    writeFileSync(file, text);
    const { code, stderr } = await run(["config", "check"]);
    writeFileSync(file, configuration());
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("hunter2");
  });

  test("a configuration that others can change, a secret that is not there, a source that is none", async () => {
    chmodSync(file, 0o666);
    const exposed = await run(["backup"]);
    chmodSync(file, 0o600);
    expect([exposed.code, exposed.stderr]).toEqual([1, expect.stringContaining("chmod go-w")]);
    const missing = await run(["-r", "second", "snapshots"]);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining("the variable SECOND_PASSWORD: it is not set"),
    ]);
    const none = await run(["prove", "shopp"]);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("has no source 'shopp'")]);
    expect(existsSync(join(folder, "shopp"))).toBe(false);
  });
});

test("the schema describes every kind", async () => {
  const schema = JSON.stringify(JSON.parse((await succeed(["config", "schema"])).stdout));
  for (const kind of ["command", "sqlite"]) expect(schema).toContain(`"const":"${kind}"`);
});
