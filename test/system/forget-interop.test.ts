/** Forgetting, bringing back and tagging while restic works on the same repository. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { has, holdfast, restic, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";

// A dozen processes in each test.
vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), "holdfast-forget-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Decisions as restic makes them. */
const AS_RESTIC = ["--min-age", "0", "--keep-at-least", "0", "--spares", "0"];
const ALLOW = [
  "--allow",
  "too-large-share",
  "--allow",
  "too-many",
  "--allow",
  "group-unseen",
  "--allow",
  "clock-ahead",
];

interface Listed {
  readonly id: string;
  readonly original?: string;
  readonly tags?: readonly string[];
}

interface Group {
  readonly keep: readonly Listed[] | null;
  readonly remove: readonly Listed[] | null;
}

class Lab {
  readonly repository: string;
  readonly source: string;

  constructor(name: string) {
    this.repository = join(folder, `${name}-repository`);
    this.source = join(folder, `${name}-source`);
    makeQuickRepository(this.repository);
    mkdirSync(this.source);
  }

  /** Backs up one file, with this content or as it is, as if it was that day. */
  backUp(content: string | undefined, day: string): void {
    if (content !== undefined) writeFileSync(join(this.source, "file"), content);
    const before = this.ids();
    // What lies above is not in it: the folder of all temporary files changes at any time.
    const args = ["backup", "-q", "--host", "box", "--time", `${day} 12:00:00`, "."];
    succeed(restic(this.repository, args, { cwd: this.source }));
    const time = new Date(`${day}T12:00:00Z`);
    for (const id of this.ids())
      if (!before.includes(id)) utimesSync(join(this.repository, "snapshots", id), time, time);
  }

  ids(): string[] {
    return readdirSync(join(this.repository, "snapshots")).sort();
  }

  ours(...args: string[]): ReturnType<typeof holdfast> {
    return holdfast(this.repository, args, { env: { TZ: "UTC" } });
  }

  restic(...args: string[]): ReturnType<typeof restic> {
    return restic(this.repository, args, { env: { TZ: "UTC" } });
  }

  listed(program: "ours" | "restic"): Listed[] {
    return JSON.parse(succeed(this[program]("snapshots", "--json"))) as Listed[];
  }
}

const DAYS = ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02", "2026-02-09", "2026-03-01"];

function history(name: string): Lab {
  const lab = new Lab(name);
  for (const day of DAYS) lab.backUp(`as of ${day}`, day);
  return lab;
}

describe.skipIf(!has("restic"))("with restic on one repository", () => {
  test("what one forgets the other no longer lists, and all is in order for both", () => {
    const lab = history("turns");
    const [first, second] = lab.listed("restic").map(({ id }) => id) as [string, string];
    succeed(lab.ours("forget", first, "--min-age", "0"));
    expect(lab.listed("restic").map(({ id }) => id)).not.toContain(first);
    succeed(lab.restic("forget", second));
    expect(lab.listed("ours")).toEqual(lab.listed("ours").filter(({ id }) => id !== second));
    expect(lab.ids()).toHaveLength(DAYS.length - 2);
    succeed(lab.restic("check", "--read-data"));
    succeed(lab.ours("check", "--read-data"));
    succeed(lab.ours("unforget", first));
    expect(lab.listed("restic").map(({ id }) => id)).toContain(first);
    succeed(lab.restic("check", "--read-data"));
    succeed(lab.restic("restore", first, "--target", join(folder, "turns-restored")));
    expect(readFileSync(join(folder, "turns-restored/file"), "utf8")).toBe(`as of ${DAYS[0]}`);
  });

  test("the same rules keep the same snapshots, without floors", () => {
    const lab = history("rules");
    const policies = [
      ["--keep-last", "2"],
      ["--keep-daily", "2", "--keep-weekly", "3"],
      ["--keep-monthly", "2"],
      ["--keep-within", "1m"],
    ];
    for (const policy of policies) {
      const args = ["forget", ...policy, "--dry-run", "--json"];
      const theirs = JSON.parse(succeed(lab.restic(...args))) as Group[];
      const ours = JSON.parse(succeed(lab.ours(...args, ...AS_RESTIC, ...ALLOW))) as Group[];
      const decided = (groups: readonly Group[]): unknown =>
        groups.map(({ keep, remove }) => [(keep ?? []).map(({ id }) => id), (remove ?? []).map(({ id }) => id)]);
      expect(decided(ours), policy.join(" ")).toEqual(decided(theirs));
    }
  });

  test("a restic that prunes takes the data of what was forgotten: unforget says what is missing, and brings back the rest", () => {
    const lab = new Lab("pruned");
    lab.backUp("one", "2026-01-01");
    lab.backUp("two", "2026-01-02");
    lab.backUp(undefined, "2026-01-03");
    const [one, two] = lab.listed("ours").map(({ id }) => id) as [string, string];
    succeed(lab.ours("forget", one, two, "--min-age", "0", "--keep-at-least", "1"));
    succeed(lab.restic("prune"));
    const dry = lab.ours("unforget", "--all", "--dry-run");
    expect(dry.status).toBe(20);
    expect(dry.stdout).toContain(`snapshot ${one.slice(0, 8)} lacks data of 1 file or folder:`);
    expect(lab.ids()).toHaveLength(1);
    // The newest snapshot has the same data as the second, so that one is whole.
    const back = lab.ours("unforget", "--all");
    expect(back.status).toBe(20);
    expect(back.stdout).toContain("brought back 1 snapshot");
    expect(lab.ids()).toHaveLength(2);
    expect(lab.ids()).toContain(two);
    succeed(lab.restic("check", "--read-data"));
  });

  test("tags that one changes the other sees, with the first original", () => {
    const lab = history("tags");
    const [first] = lab.listed("ours") as [Listed];
    succeed(lab.ours("tag", "--add", "a,b", first.id));
    expect(lab.listed("restic")).toContainEqual(expect.objectContaining({ original: first.id, tags: ["a", "b"] }));
    succeed(lab.restic("tag", "--remove", "a", "--tag", "a"));
    expect(lab.listed("ours")).toContainEqual(expect.objectContaining({ original: first.id, tags: ["b"] }));
    succeed(lab.ours("tag", "--set", "", "--tag", "b"));
    const untagged = lab.listed("restic").filter(({ original }) => original === first.id);
    expect(untagged).toHaveLength(1);
    expect(untagged[0]?.tags).toBeUndefined();
    succeed(lab.restic("check"));
  });

  test("holds lie where restic does not look", () => {
    const lab = history("holds");
    succeed(lab.ours("hold", "add", "--all", "--reason", "case 7"));
    succeed(lab.restic("check", "--read-data"));
    expect(lab.ours("forget", "latest", "--min-age", "0", "--keep-at-least", "0").status).toBe(1);
    expect(lab.listed("restic")).toHaveLength(DAYS.length);
  });
});
