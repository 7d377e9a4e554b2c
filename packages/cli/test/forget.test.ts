import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type AgedRepository, copyOf, jsonOf, makeAgedRepository, namesIn } from "./aged-repository.ts";
import { temporaryFolder } from "./command-runner.ts";

const DAYS = 20;
const folder = temporaryFolder();
let base: AgedRepository;

beforeAll(async () => {
  base = await makeAgedRepository(folder, DAYS);
});

/** The ids of the n newest snapshots, sorted. */
const newest = (n: number): string[] => base.ids.slice(-n).toSorted();

describe("forget by rules", () => {
  test("keeps what rules and floors keep, tells why, and moves the rest where restic does not look", async () => {
    const repository = copyOf(base);
    const { code, stdout, stderr } = await repository.run("forget", "--keep-last", "2", "--allow", "too-large-share");
    expect(code, stderr).toBe(0);
    // Younger than seven days, though only two are to be kept.
    expect(namesIn(repository, "snapshots")).toEqual(newest(7));
    expect(namesIn(repository, "holdfast/forgotten")).toEqual(base.ids.slice(0, -7).toSorted());
    expect(stdout).toMatch(/^keep +[0-9a-f]{8} .* keep-last 2: it is number 1 from the newest/m);
    expect(stdout).toMatch(/^forget +[0-9a-f]{8} .* keep-last 2: as many are newer/m);
    expect(stdout).toContain("floor: it is younger than 7 days");
    expect(stdout).toContain(`forgot ${DAYS - 7} snapshots`);
    expect(stderr).toContain("`holdfast unforget` brings them back");
  });

  test("floors can be turned off by their options", async () => {
    const repository = copyOf(base);
    const off = ["--min-age", "0", "--keep-at-least", "0", "--spares", "0"];
    const { code } = await repository.run("forget", "--keep-last", "1", ...off, "--allow", "too-large-share");
    expect(code).toBe(0);
    expect(namesIn(repository, "snapshots")).toEqual(newest(1));
  });

  test("takes too large a share only when told so, and changes nothing until then", async () => {
    const repository = copyOf(base);
    const { code, stderr } = await repository.run("forget", "--keep-last", "2");
    expect(code).toBe(1);
    expect(stderr).toMatch(/nothing was forgotten: 13 of 20 snapshots .* would go/);
    expect(stderr).toContain("--allow too-large-share");
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
  });

  test.for([
    [["--max-forget-share", "39%"], "8 of 20 snapshots", "more than 39 %", "--allow too-large-share"],
    [["--max-forget-count", "7"], "8 snapshots would go", "more than 7", "--allow too-many"],
    [["--max-silence", "1h"], "the newest snapshot of all arrived", "ago", "--allow clock-ahead"],
  ] as const)("%j stops it, and says by which name it goes on", async ([limit, ...expected]) => {
    const repository = copyOf(base);
    const { code, stderr } = await repository.run("forget", "--keep-last", "12", ...limit);
    expect(code).toBe(1);
    for (const text of expected) expect(stderr).toContain(text);
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
  });

  test("limits can be raised as well", async () => {
    const repository = copyOf(base);
    const { code, stderr } = await repository.run("forget", "--keep-last", "2", "--max-forget-share", "65%");
    expect(code, stderr).toBe(0);
    expect(namesIn(repository, "snapshots")).toEqual(newest(7));
  });

  test("--dry-run changes nothing, and takes no exclusive lock", async () => {
    const repository = copyOf(base);
    const { code, stdout } = await repository.run("forget", "--keep-last", "12", "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain("would forget 8 snapshots; nothing was changed");
    expect(existsSync(join(repository.path, "holdfast"))).toBe(false);
  });

  test("--json prints restic's groups, with reasons for what goes as well", async () => {
    const [groups] = jsonOf(await base.run("forget", "--keep-last", "12", "--dry-run", "--json"));
    expect(groups).toEqual([
      {
        tags: null,
        host: "box",
        paths: [join(folder, "source")],
        keep: base.ids
          .slice(-12)
          .toReversed()
          .map((id) => expect.objectContaining({ id, short_id: id.slice(0, 8) })),
        remove: base.ids
          .slice(0, 8)
          .toReversed()
          .map((id) => expect.objectContaining({ id })),
        reasons: base.ids
          .slice(-12)
          .toReversed()
          .map((id) => ({
            snapshot: expect.objectContaining({ id }),
            matches: ["last snapshot"],
            reasons: expect.arrayContaining([expect.stringContaining("keep-last 12")]),
          })),
        remove_reasons: base.ids
          .slice(0, 8)
          .toReversed()
          .map((id) => ({ id, reasons: ["keep-last 12: as many are newer"] })),
      },
    ]);
  });

  test("a snapshot that cannot be read stops it: it may be the newest good one", async () => {
    const repository = copyOf(base);
    damage(join(repository.path, "snapshots", base.ids[3] as string));
    const { code, stderr } = await repository.run("forget", "--keep-last", "12");
    expect(code).toBe(20);
    expect(stderr).toContain(base.ids[3]);
    expect(stderr).toContain("holdfast repair snapshots --forget");
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
  });

  test.for([
    [["forget"], "nothing says what is to be forgotten"],
    [["forget", "--keep-last", "0"], "keeps nothing"],
    [["forget", "--keep-last", "many"], "'many' is no value for --keep-last"],
    [["forget", "--keep-within", "7"], "'7' is no duration for --keep-within"],
    [["forget", "--keep-last", "1", "--min-age", "soon"], "'soon' is not a value for --min-age"],
    [["forget", "--keep-last", "1", "--time-zone", "Mars"], "'Mars' is no time zone"],
    [["forget", "--keep-last", "1", "--group-by", "color"], "'color' is not a value for --group-by"],
    [["forget", "--keep-last", "1", "--allow", "all"], "--allow"],
    [["forget", "--keep-last", "1", "--execute", "abc"], "give the hash that --plan-only printed"],
    [["forget", "--keep-last", "1", "latest"], "either by name or by rules"],
    [["forget", "--keep-last", "1", "--max-forget-share", "half"], "'half' is not a value for --max-forget-share"],
    [["forget", "latest", "--max-forget-count", "1"], "limits are for rules"],
    [["forget", "--keep-last", "1", "--path", ""], "'' is not a value for --path"],
    [["forget", "--keep-last", "1", "--plan-only", "--execute", "0".repeat(64)], "exclude each other"],
    [["unforget"], "say what is to be brought back"],
    [["unforget", "--all", "abc"], "exclude each other"],
    [["unforget", "--all", "--give-up", "--incomplete"], "exclude each other"],
  ] as const)("%j is a mistake on the command line", async ([args, expected]) => {
    const { code, stderr } = await base.run(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(expected);
  });
});

describe("the two steps of forgetting", () => {
  test("a plan is carried out by its hash, while nothing has changed", async () => {
    const repository = copyOf(base);
    const rules = ["forget", "--keep-last", "12"];
    const [plan] = jsonOf(await repository.run(...rules, "--plan-only", "--json"));
    expect(plan).toMatchObject({ message_type: "forget_plan", stops: [], warnings: [] });
    expect(plan?.["remove"]).toEqual(expect.arrayContaining(base.ids.slice(0, 8)));
    const hash = String(plan?.["hash"]);
    expect((await repository.run(...rules, "--plan-only")).stdout).toContain(`plan ${hash}`);
    const other = await repository.run("forget", "--keep-last", "13", "--execute", hash);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("the plan is another by now");
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
    expect((await repository.run(...rules, "--execute", hash)).code).toBe(0);
    expect(namesIn(repository, "snapshots")).toEqual(newest(12));
    expect((await repository.run(...rules, "--execute", hash)).code).toBe(1);
  });
});

describe("forget by name", () => {
  const old = (): string => base.ids[0] as string;

  test("forgets a snapshot, and unforget brings the very same one back", async () => {
    const repository = copyOf(base);
    const bytes = readFileSync(join(repository.path, "snapshots", old()));
    expect((await repository.run("forget", old().slice(0, 12))).code).toBe(0);
    expect(namesIn(repository, "snapshots")).not.toContain(old());
    const [[listed]] = jsonOf(await repository.run("unforget", "--list", "--json")) as unknown as [
      [Record<string, unknown>],
    ];
    expect(listed).toMatchObject({ id: old(), hostname: "box", holds: [] });
    expect(Date.parse(String(listed["kept_until"])) - Date.parse(String(listed["forgotten_at"]))).toBe(7 * 86_400_000);
    const back = await repository.run("unforget", old().slice(0, 12));
    expect(back.code, back.stderr).toBe(0);
    expect(readFileSync(join(repository.path, "snapshots", old()))).toEqual(bytes);
    expect(namesIn(repository, "holdfast/forgotten")).toEqual([]);
    expect((await repository.run("check")).code).toBe(0);
  });

  test("honours floors, and says which option turns one off", async () => {
    const repository = copyOf(base);
    const { code, stderr } = await repository.run("forget", old(), "latest");
    expect(code).toBe(1);
    expect(stderr).toContain(`${base.ids.at(-1)?.slice(0, 8)} (floor: it is the newest`);
    expect(stderr).toContain("--keep-at-least 0");
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
    const forced = await repository.run("forget", "latest", "--min-age", "0", "--keep-at-least", "0");
    expect(forced.code, forced.stderr).toBe(0);
    expect(namesIn(repository, "snapshots")).not.toContain(base.ids.at(-1));
  });

  test.for([
    ["forget", "no snapshot matches"],
    ["unforget", "no forgotten snapshot matches"],
  ] as const)("%s refuses ids that nothing has", async ([command, expected]) => {
    for (const id of ["00000000ff", "nonsense", "f".repeat(64)]) {
      const { code, stderr } = await base.run(command, id);
      expect(code).toBe(1);
      expect(stderr).toContain(expected);
    }
  });

  test.for([
    ["forget", "latest:sub"],
    ["tag", "--add", "x", "latest:sub"],
    ["rewrite", "--exclude", "a", "latest~1:sub"],
    ["repair", "snapshots", "--forget", "latest:/"],
    ["hold", "add", "latest:sub", "--reason", "x"],
    ["snapshots", "latest:sub"],
    ["stats", "latest:sub"],
  ])("%j is refused: it would be about the whole snapshot", async (args) => {
    const repository = copyOf(base);
    const { code, stderr } = await repository.run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/'latest(~1)?:(sub|\/)' is a folder in a snapshot/);
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
  });

  test("refuses a beginning that several have", async () => {
    // Twenty ids begin with sixteen digits at most.
    const prefix = [..."0123456789abcdef"].find((digit) => base.ids.filter((id) => id.startsWith(digit)).length > 1);
    const { code, stderr } = await base.run("forget", prefix as string);
    expect(code).toBe(1);
    expect(stderr).toContain("matches several snapshot files");
  });
});

describe("unforget", () => {
  test("names what is missing, before it brings anything back", async () => {
    const repository = copyOf(base);
    const old = base.ids[0] as string;
    expect((await repository.run("forget", old)).code).toBe(0);
    for (const name of namesIn(repository, "index")) rmSync(join(repository.path, "index", name));
    const { code, stdout, stderr } = await repository.run("unforget", old);
    expect(code).toBe(20);
    expect(stdout).toContain(`snapshot ${old.slice(0, 8)} lacks data of 1 file or folder:\n  /: the tree blob`);
    expect(stderr).toContain("--incomplete");
    expect(namesIn(repository, "snapshots")).not.toContain(old);
    expect((await repository.run("unforget", old, "--incomplete")).code).toBe(20);
    expect(namesIn(repository, "snapshots")).toContain(old);
  });

  test("finishes what was cut off: a snapshot that is there and forgotten as well", async () => {
    const repository = copyOf(base);
    const old = base.ids[0] as string;
    const bytes = readFileSync(join(repository.path, "snapshots", old));
    expect((await repository.run("forget", old)).code).toBe(0);
    writeFileSync(join(repository.path, "snapshots", old), bytes);
    expect((await repository.run("unforget", "--list")).stderr).toContain("there are no forgotten snapshots");
    expect((await repository.run("unforget", old)).code).toBe(0);
    expect(namesIn(repository, "holdfast/forgotten")).toEqual([]);
  });

  test("--give-up lets a prune free the data at once, but not of what is held", async () => {
    const repository = copyOf(base);
    const [first = "", second = ""] = base.ids as readonly string[];
    expect((await repository.run("forget", first, second)).code).toBe(0);
    damage(join(repository.path, "holdfast/forgotten", first));
    const stopped = await repository.run("prune");
    expect(stopped.code).toBe(20);
    expect(stopped.stderr).toContain(`holdfast unforget --give-up ${first}`);
    expect((await repository.run("unforget", "--give-up", first)).stdout).toContain("gave up 1 forgotten snapshot");
    expect((await repository.run("prune")).code).toBe(0);
    expect((await repository.run("hold", "add", second, "--reason", "case 7")).code).toBe(0);
    const held = await repository.run("unforget", "--all", "--give-up");
    expect(held.code).toBe(1);
    expect(held.stderr).toContain("case 7");
    expect(namesIn(repository, "holdfast/forgotten")).toEqual([second]);
  });

  test("--all brings back those that meet the filter", async () => {
    const repository = copyOf(base);
    expect((await repository.run("forget", "--keep-last", "12")).code).toBe(0);
    const dry = await repository.run("unforget", "--all", "--dry-run");
    expect(dry.stdout).toContain("would bring back 8 snapshots");
    expect((await repository.run("unforget", "--all", "--host", "other")).stdout).toContain("nothing was brought back");
    expect(namesIn(repository, "snapshots")).toEqual(newest(12));
    expect((await repository.run("unforget", "--all")).stdout).toContain("brought back 8 snapshots");
    expect(namesIn(repository, "snapshots")).toEqual(newest(DAYS));
  });
});

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[40] = (bytes[40] as number) ^ 1;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}
