import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type AgedRepository, copyOf, jsonOf, makeAgedRepository, namesIn } from "./aged-repository.ts";
import { temporaryFolder } from "./command-runner.ts";

const DAYS = 16;
const folder = temporaryFolder();
let base: AgedRepository;

beforeAll(async () => {
  base = await makeAgedRepository(folder, DAYS);
});

const old = (n = 0): string => base.ids[n] as string;

describe("hold", () => {
  test("keeps a snapshot from rules and from its name, until it is released", async () => {
    const repository = copyOf(base);
    const added = await repository.run("hold", "add", old(), "--reason", "case 7", "--owner", "ann", "--json");
    const [hold] = jsonOf(added);
    expect(hold).toMatchObject({
      message_type: "hold_added",
      ids: [old()],
      reason: "case 7",
      owner: "ann",
      snapshots: 1,
    });
    const id = String(hold?.["id"]);

    const byName = await repository.run("forget", old());
    expect(byName.code).toBe(1);
    expect(byName.stderr).toContain(`${old().slice(0, 8)} (hold ${id.slice(0, 8)}: case 7)`);
    const byRules = await repository.run("forget", "--keep-last", "10");
    expect(byRules.code, byRules.stderr).toBe(0);
    expect(byRules.stdout).toContain(`hold ${id.slice(0, 8)}: case 7`);
    expect(namesIn(repository, "snapshots")).toEqual([old(), ...base.ids.slice(-10)].toSorted());

    const { stdout } = await repository.run("hold", "list");
    expect(stdout).toMatch(
      new RegExp(`^${id.slice(0, 8)} .* snapshot ${old().slice(0, 8)} +1 +ann +\\d{4}-\\d\\d-\\d\\d +case 7$`, "m"),
    );
    expect((await repository.run("hold", "release", id.slice(0, 10))).stdout).toContain("released hold");
    expect((await repository.run("hold", "list", "--json")).stdout).toBe("[]\n");
    expect((await repository.run("forget", old())).code).toBe(0);
  });

  test("takes criteria, days to their ends, and forgotten snapshots", async () => {
    const repository = copyOf(base);
    expect((await repository.run("forget", old(0), old(1))).code).toBe(0);
    const [byId] = jsonOf(await repository.run("hold", "add", old(0).slice(0, 12), "--reason", "x", "--json"));
    expect(byId).toMatchObject({ ids: [old(0)], snapshots: 1 });
    const day = base.days[4];
    const criteria = ["--host", "box", "--path", join(folder, "source"), "--time-to", String(day)];
    const [byTime] = jsonOf(await repository.run("hold", "add", ...criteria, "--reason", "x", "--json"));
    // Of the first five days, two of them forgotten.
    expect(byTime).toMatchObject({ hosts: ["box"], time_to: `${day}T23:59:59.999999999Z`, snapshots: 5 });
    const listed = await repository.run("unforget", "--list");
    expect(listed.stdout.match(/ held$/gm)).toHaveLength(2);
  });

  test("keeps a snapshot that a repair would remove, and the repair says which hold it is", async () => {
    const repository = copyOf(base);
    const damaged = old();
    const path = join(repository.path, "snapshots", damaged);
    const [added] = jsonOf(await repository.run("hold", "add", damaged, "--reason", "case 7", "--json"));
    const id = String(added?.["id"]);
    chmodSync(path, 0o600);
    writeFileSync(path, "nonsense");
    for (const more of [["--dry-run"], []]) {
      const asText = await repository.run("repair", "snapshots", "--forget", ...more);
      expect(asText.code).toBe(3);
      expect(asText.stderr).toContain(`snapshot ${damaged}, which cannot be read, stays`);
      expect(asText.stderr).toContain(`hold ${id.slice(0, 8)}: case 7`);
      expect(asText.stderr).toContain(`holdfast hold release ${id.slice(0, 8)}`);
      const asJson = await repository.run("repair", "snapshots", "--forget", "--json", ...more);
      expect(asJson.code).toBe(3);
      expect(JSON.parse(asJson.stdout)).toMatchObject({
        removed_snapshots: [],
        kept_snapshots: [{ id: damaged, reasons: [`hold ${id.slice(0, 8)}: case 7`], holds: [id] }],
      });
    }
    expect(namesIn(repository, "snapshots")).toContain(damaged);
    await repository.run("hold", "release", id);
    expect((await repository.run("repair", "snapshots", "--forget")).code).toBe(0);
    expect(namesIn(repository, "snapshots")).not.toContain(damaged);
  });

  test("that cannot be read stops forgetting, and can be released", async () => {
    const repository = copyOf(base);
    await repository.run("hold", "add", "--all", "--reason", "x");
    const [name] = namesIn(repository, "holdfast/holds") as [string];
    const path = join(repository.path, "holdfast/holds", name);
    chmodSync(path, 0o600);
    writeFileSync(path, "nonsense");
    for (const args of [
      ["hold", "list"],
      ["forget", old()],
      ["forget", "--keep-last", "10"],
      ["tag", "--add", "x"],
    ]) {
      const { code, stderr } = await repository.run(...args);
      expect(code, args.join(" ")).toBe(20);
      expect(stderr).toContain(name);
    }
    expect((await repository.run("hold", "release", name)).code).toBe(0);
    expect((await repository.run("forget", old())).code).toBe(0);
  });

  test.for([
    [["--reason", "x"], 2, "say what is to be held"],
    [["--all"], 2, "say why, with --reason"],
    [["--all", "--reason", "  "], 2, "say why, with --reason"],
    [["--all", "--host", "box", "--reason", "x"], 2, "exclude each other"],
    [["--all", "--reason", "x", "--review", "2027-02-30"], 2, "give a day"],
    [["--all", "--reason", "x", "--review", "2020-01-01"], 2, "it is over already"],
    [
      ["--host", "box", "--reason", "x", "--time-from", "2026-02-01", "--time-to", "2026-01-01"],
      2,
      "exclude each other",
    ],
    [["--host", "box", "--reason", "x", "--time-from", "yesterday"], 2, "give a time"],
    [["--host", "", "--reason", "x"], 2, "'' is not a value for --host"],
    [["--path", "", "--reason", "x"], 2, "'' is not a value for --path"],
    [["ffffffff00", "--reason", "x"], 1, "no snapshot matches"],
  ] as const)("add %j is refused", async ([args, expectedCode, expected]) => {
    const { code, stderr } = await base.run("hold", "add", ...args);
    expect(code).toBe(expectedCode);
    expect(stderr).toContain(expected);
  });

  test("release refuses ids that no hold has", async () => {
    const { code, stderr } = await base.run("hold", "release", "ffff");
    expect(code).toBe(1);
    expect(stderr).toContain("no hold matches 'ffff'");
    expect(stderr).toContain("`holdfast hold list`");
  });
});

describe("tag", () => {
  test("changes tags under a new id that names the original, as restic does", async () => {
    const repository = copyOf(base);
    const [changed, summary] = jsonOf(await repository.run("tag", "--add", "a,b", "--add", "c", old(), "--json"));
    const id = String(changed?.["new_snapshot_id"]);
    expect(changed).toEqual({ message_type: "changed", old_snapshot_id: old(), new_snapshot_id: id });
    expect(summary).toEqual({ message_type: "summary", changed_snapshots: 1 });
    const read = async (): Promise<unknown> => jsonOf(await repository.run("snapshots", "--json"))[0];
    expect(await read()).toContainEqual(expect.objectContaining({ id, original: old(), tags: ["a", "b", "c"] }));
    expect((await repository.run("tag", "--remove", "b", "--tag", "a,c")).stdout).toContain("changed 1 snapshot");
    expect(await read()).toContainEqual(expect.objectContaining({ original: old(), tags: ["a", "c"] }));
    expect((await repository.run("tag", "--set", "", "--tag", "a")).stdout).toContain("changed 1 snapshot");
    expect((await repository.run("snapshots", "--tag", "a", "--json")).stdout).toBe("[]\n");
    expect((await repository.run("tag", "--remove", "a")).stdout).toContain("no snapshot had to be changed");
  });

  test("pinned keeps a snapshot", async () => {
    const repository = copyOf(base);
    await repository.run("tag", "--add", "pinned", old());
    const { stdout } = await repository.run("forget", "--keep-last", "10", "--min-age", "0", "--compact");
    expect(stdout.match(/^keep +[0-9a-f]{8} .* pinned /gm)).toHaveLength(1);
  });

  test("does not take a snapshot out of a hold", async () => {
    const repository = copyOf(base);
    await repository.run("tag", "--add", "legal", old());
    await repository.run("hold", "add", "--tag", "legal", "--reason", "case 7");
    const { code, stderr } = await repository.run("tag", "--set", "x");
    expect(code).toBe(1);
    expect(stderr).toContain("case 7");
    expect((await repository.run("snapshots", "--tag", "x", "--json")).stdout).toBe("[]\n");
  });

  test.for([[["tag"]], [["tag", "latest"]], [["tag", "--set", "a", "--add", "b"]]])(
    "%j is a mistake",
    async ([args]) => {
      expect((await base.run(...(args as string[]))).code).toBe(2);
    },
  );
});
