/** `holdfast find`: what it prints, and what it refuses. */
import { mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, holdfast, makeRepository, startHoldfast, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const source = join(folder, "source");
const repository = join(folder, "repository");
const variables = {
  HOLDFAST_REPOSITORY: repository,
  HOLDFAST_PASSWORD: "find",
  HOLDFAST_CACHE_DIR: join(folder, "cache"),
};
const NOON = new Date("2026-03-01T12:00:00Z");

const find = (...args: string[]): Promise<Ended> => holdfast(["find", ...args], { variables });

beforeAll(async () => {
  mkdirSync(join(source, "letters", "old"), { recursive: true });
  writeFileSync(join(source, "letters", "to ada.txt"), "Dear Ada");
  writeFileSync(join(source, "letters", "old", "TO BOB.TXT"), "Dear Bob, it is a long time");
  writeFileSync(join(source, "plan\u001b[2J.txt"), "x");
  symlinkSync("letters", join(source, "link"));
  for (const name of ["letters/to ada.txt", "letters/old/TO BOB.TXT"]) utimesSync(join(source, name), NOON, NOON);
  await makeRepository(variables);
  for (const tag of ["first", "second"]) {
    const { code, stderr } = await holdfast(["backup", "-q", "--tag", tag, "."], { variables, cwd: source });
    expect([code, stderr]).toEqual([0, ""]);
    writeFileSync(join(source, "letters", "to ada.txt"), "Dear Ada, once more");
    utimesSync(join(source, "letters", "to ada.txt"), NOON, NOON);
  }
}, 60_000);

describe("names", () => {
  test("are listed below their snapshots, the newest first, and the other way round with --reverse", async () => {
    const { code, stdout } = await find("*.txt");
    const heading = /^Found matching entries in snapshot [0-9a-f]{8} from \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;
    const [first, ada, plan, empty, second] = stdout.split("\n");
    expect([code, ada, plan, empty]).toEqual([0, "/letters/to ada.txt", "/plan\\x1b[2J.txt", ""]);
    expect([first, second].every((line) => heading.test(line ?? ""))).toBe(true);
    const reversed = (await find("--reverse", "*.txt")).stdout.split("\n");
    expect([reversed[0], reversed[4]]).toEqual([second, first]);
  });

  test("come without headings when quiet", async () => {
    const { stdout } = await find("-q", "-i", "-s", "latest", "to *.txt");
    expect(stdout).toBe("/letters/old/TO BOB.TXT\n/letters/to ada.txt\n");
  });

  test("are limited by size, time and snapshot", async () => {
    const list = async (...args: string[]): Promise<string[]> =>
      (await find("-q", "-s", "latest", ...args)).stdout.split("\n").slice(0, -1);
    expect(await list("--larger", "19", "*")).toEqual(["/letters/old/TO BOB.TXT"]);
    expect(await list("--larger", "18", "--smaller", "27", "*")).toEqual(["/letters/to ada.txt"]);
    expect(await list("--newest", "2026-03-01 12:00:00", "*")).toEqual([
      "/letters/old/TO BOB.TXT",
      "/letters/to ada.txt",
    ]);
    expect(await list("--newest", "2026-03-01 11:59:59", "*")).toEqual([]);
    expect(await list("--oldest", "01.03.2026 13:00:01 +0100", "letters/*")).toEqual(["/letters/old"]);
    expect((await find("-q", "--tag", "first", "--larger", "8", "*")).stdout).toBe("/letters/old/TO BOB.TXT\n");
  });

  test("are shown with mode, owner, size and time on demand", async () => {
    const { stdout } = await find("-q", "-l", "--human-readable", "-s", "latest", "link", "to ada.txt");
    expect(stdout.split("\n").slice(0, 2)).toEqual(
      [
        expect.stringMatching(/^-rw-r--r-- +\d+ +\d+ +19 B 2026-03-01 12:00:00 \/letters\/to ada\.txt$/),
        expect.stringMatching(/^l[rwx]{9} .* \/link -> letters$/),
      ].toSorted((a, b) => String(a).localeCompare(String(b))),
    );
  });

  test("that are nowhere are no error, and somebody is told", async () => {
    expect(await find("nowhere")).toMatchObject({ code: 0, stdout: "", stderr: "nothing was found in 2 snapshots\n" });
    expect(await find("--json", "nowhere")).toMatchObject({ code: 0, stdout: "[]\n", stderr: "" });
    expect(await find("--host", "elsewhere", "*")).toMatchObject({ stderr: "nothing was found in 0 snapshots\n" });
  });
});

describe("blobs", () => {
  test("say in which packs they lie, as text and as JSON", async () => {
    const blobs = (await holdfast(["list", "blobs"], { variables })).stdout.split("\n");
    const id = blobs.find((line) => line.startsWith("data "))?.slice(5) ?? "";
    const { stdout } = await find("--blob", "--show-pack-id", id.slice(0, 16));
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(`Found blob ${id}`);
    expect(lines[1]).toMatch(/^ \.\.\. in file \//);
    expect(lines.at(-3)).toMatch(/^Object belongs to pack [0-9a-f]{64}$/);
    const [first] = JSON.parse((await find("--json", "--blob", "--show-pack-id", id)).stdout) as { packs: string[] }[];
    expect(`Object belongs to pack ${first?.packs[0]}`).toBe(lines.at(-3));
  });

  test("that no index lists are searched for by their whole id", async () => {
    const { code, stdout } = await find("--tree", "--show-pack-id", "0".repeat(64));
    expect([code, stdout]).toEqual([0, `No index lists the tree blob ${"0".repeat(64)}\n`]);
  });
});

describe("what makes no sense is refused, and says why", () => {
  test.for<[string[], number, RegExp]>([
    [[], 2, /missing required argument 'pattern'/],
    [["["], 1, /patterns cannot be understood: \[/],
    [["--oldest", "yesterday", "x"], 2, /'yesterday' is not a value for --oldest/],
    [["--newest", "2026-02-30", "x"], 2, /'2026-02-30' is not a value for --newest/],
    [["--oldest", "2026-02-02", "--newest", "2026-02-01", "x"], 2, /--oldest and --newest exclude each other/],
    [["--larger", "1x", "x"], 2, /'1x' is not a value for --larger/],
    [["--larger", "5", "--smaller", "6", "x"], 2, /no size is between them/],
    [["--blob", "--pack", "ab"], 2, /--blob and --pack exclude each other/],
    [["--blob", "--larger", "5", "ab"], 2, /--blob and --larger exclude each other/],
    [["--show-pack-id", "x"], 2, /--show-pack-id needs --blob, --tree or --pack/],
    [["--blob", "xyz"], 1, /no data blob in the index has an id that begins with 'xyz'/],
    [["--tree", "ABC"], 1, /no tree blob in the index/],
    [["--pack", "0123456789"], 1, /no pack matches '0123456789'/],
    [["-s", "0123456789", "x"], 1, /no snapshot matches/],
    [["-s", "latest:/letters", "x"], 2, /name the snapshot alone/],
  ])("%j", async ([args, code, message]) => {
    const ended = await find(...args);
    expect(ended.stderr).toMatch(message);
    expect([ended.code, ended.stdout]).toEqual([code, ""]);
  });

  test("an id's beginning that several blobs have", async () => {
    const { stdout } = await holdfast(["list", "blobs"], { variables });
    const ids = [...stdout.matchAll(/^tree ([0-9a-f])/gm)].map(([, digit]) => digit as string);
    const several = ids.find((digit, n) => ids.indexOf(digit) !== n);
    if (several === undefined) return;
    expect(await find("--tree", several)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("several tree blobs") as string,
    });
  });
});

test("a reader that goes away ends the search", async () => {
  const child = startHoldfast(["find", "*"], { variables });
  child.stdout?.destroy();
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  expect(code).not.toBe(0);
});

test("damage is told, the rest is found, and the exit code is that of damage", async () => {
  const index = join(repository, "index");
  for (const name of readdirSync(index).slice(1)) rmSync(join(index, name));
  const { code, stdout, stderr } = await find("--json", "*.txt");
  expect(code).toBe(20);
  const [warning] = stderr.split("\n").map((line) => (line === "" ? undefined : (JSON.parse(line) as object)));
  expect(warning).toMatchObject({
    message_type: "error",
    during: "find",
    item: expect.stringMatching(/^\//) as string,
  });
  expect(JSON.parse(stdout)).toHaveLength(1);
});
