import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Secret } from "@holdfast/base";
import { type Repository, listEvidence, openRepository } from "@holdfast/engine";
import { openBackend } from "@holdfast/storage";
import { type AgedRepository, copyOf, jsonOf, makeAgedRepository, namesIn } from "./aged-repository.ts";
import { holdfast, isInstalled, makeRepository, program, temporaryFolder } from "./command-runner.ts";

const DAYS = 12;
const { signal } = new AbortController();
const folder = temporaryFolder();
const source = join(folder, "source");
const missing = join(folder, "missing");
let base: AgedRepository;

beforeAll(async () => {
  base = await makeAgedRepository(folder, DAYS);
}, 120_000);

interface Shown {
  readonly id: string;
  readonly complete?: boolean;
  readonly verified_at?: string;
  readonly damaged_at?: string;
}

async function shown({ run }: AgedRepository): Promise<Shown[]> {
  return jsonOf(await run("snapshots", "--json"))[0] as unknown as Shown[];
}

async function stored({ path }: AgedRepository): Promise<Repository> {
  return openRepository(await openBackend(path), new Secret("test"), { signal });
}

async function records(repository: AgedRepository): Promise<Awaited<ReturnType<typeof listEvidence>>> {
  return listEvidence(await stored(repository), { signal, onDamaged: () => {} });
}

function evidenceIn(repository: AgedRepository): string[] {
  return existsSync(join(repository.path, "holdfast/evidence")) ? namesIn(repository, "holdfast/evidence") : [];
}

/** The pack with the content of the one file, or the one with trees. */
async function packOf({ run, path }: AgedRepository, type: "data" | "tree"): Promise<string> {
  const { stdout } = await run("list", "blobs", "--json");
  const blobs = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; pack: string });
  const pack = blobs.find((blob) => blob.type === type)?.pack ?? "";
  return join(path, "data", pack.slice(0, 2), pack);
}

function damage(path: string): () => void {
  const bytes = readFileSync(path);
  chmodSync(path, 0o600);
  writeFileSync(path, Buffer.from(bytes.map((byte, at) => (at === 10 ? byte ^ 1 : byte))));
  return () => writeFileSync(path, bytes);
}

const rules = ["forget", "--keep-last", "1", "--min-age", "0", "--spares", "0", "--allow", "too-large-share"];

describe("a check", { timeout: 120_000 }, () => {
  test("of all data proves every snapshot, and the newest of them survives rules that drop it", async () => {
    const repository = copyOf(base);
    expect((await repository.run("check", "--read-data", "--tag", "")).code).toBe(0);
    expect(evidenceIn(repository)).toHaveLength(1);
    const [record] = await records(repository);
    expect(record).toMatchObject({ run: "check", programVersion: expect.stringMatching(/^holdfast \d/) as string });
    expect((await shown(repository)).every(({ verified_at }) => verified_at !== undefined)).toBe(true);
    expect((await repository.run("snapshots")).stdout).toMatch(/Evidence.*\n.*\n.* verified \d{4}-\d\d-\d\d/);
    expect((await repository.run("snapshots", "--compact")).stdout).toMatch(/ verified( |\n)/);

    // A newer one, which nobody has looked at.
    expect((await repository.run("backup", "-q", "--host", "box", source)).code).toBe(0);
    const proven = base.ids.at(-1) as string;
    const { code, stdout, stderr } = await repository.run(...rules, "--keep-at-least", "0");
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/floor: it is the newest that is verified \(\d{4}-\d\d-\d\d \d\d:\d\d\)/);
    expect(namesIn(repository, "snapshots")).toContain(proven);
    expect(namesIn(repository, "snapshots")).toHaveLength(2);
    const named = ["forget", proven, "--min-age", "0", "--keep-at-least"];
    const refused = await repository.run(...named, "1");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("it is the newest that is verified");
    expect((await repository.run(...named, "0")).code).toBe(0);
    expect(namesIn(repository, "snapshots")).not.toContain(proven);
  });

  test("of a part, or without a lock, proves nothing", async () => {
    const repository = copyOf(base);
    expect((await repository.run("check")).code).toBe(0);
    const unlocked = await repository.run("check", "--read-data", "--no-lock", "-v");
    expect(unlocked.code).toBe(0);
    expect(unlocked.stderr).toContain("is not recorded, as it held no lock");
    expect((await repository.run("check", "--read-data", "--no-lock")).stderr).not.toContain("not recorded");
    expect(existsSync(join(repository.path, "holdfast"))).toBe(false);
    expect((await repository.run("snapshots")).stdout).not.toContain("Evidence");
  });

  test("of copies of trees on this machine proves nothing", async () => {
    const repository = copyOf(base);
    const cached = ["check", "--read-data", "--with-cache", "--cache-dir", join(folder, "cache")];
    expect((await repository.run(...cached)).code).toBe(0);
    expect(evidenceIn(repository)).toEqual([]);
  });

  test("that finds damage takes proof away, until another proves it again", async () => {
    const repository = copyOf(base);
    await repository.run("check", "--read-data");
    const mend = damage(await packOf(repository, "data"));
    const found = await repository.run("check", "--read-data", "--host", "elsewhere");
    expect(found.code).toBe(20);
    for (const each of await shown(repository)) {
      expect(each).toMatchObject({ damaged_at: expect.any(String) as string });
      expect(each.verified_at).toBeUndefined();
    }
    expect((await repository.run("snapshots")).stdout).toMatch(/ damaged \d{4}-\d\d-\d\d/);
    const plan = await repository.run(...rules, "--dry-run");
    expect(plan.stdout).not.toContain("that is verified");
    expect(plan.stdout).toContain("it is incomplete or damaged, and so is none of the complete ones");
    mend();
    // What reads no data proves nothing either.
    expect((await repository.run("check")).code).toBe(0);
    expect((await shown(repository))[0]?.damaged_at).toBeDefined();
    expect((await repository.run("check", "--read-data")).code).toBe(0);
    for (const each of await shown(repository)) {
      expect(each).toMatchObject({ verified_at: expect.any(String) as string });
      expect(each.damaged_at).toBeUndefined();
    }
  });

  test("that cannot record what it found says so, and ends as it would", async () => {
    const repository = copyOf(base);
    mkdirSync(join(repository.path, "holdfast"), { recursive: true });
    writeFileSync(join(repository.path, "holdfast/evidence"), "in the way");
    const { code, stdout, stderr } = await repository.run("check", "--read-data");
    expect(code).toBe(0);
    expect(stdout).toContain("no damage was found");
    expect(stderr.match(/warning:/g)).toHaveLength(1);
    expect(stderr).toContain("what this run found out about snapshots is not recorded");
    const partial = await repository.run("backup", "-q", source, missing);
    expect(partial.code).toBe(3);
    expect(partial.stderr).toContain("what this run found out about snapshots is not recorded");
  });
});

describe("an incomplete backup", { timeout: 120_000 }, () => {
  test("is shown as one, and takes the place of no complete one", async () => {
    const repository = copyOf(base);
    for (let n = 0; n < 3; n++) {
      expect((await repository.run("backup", "-q", "--host", "box", source, missing)).code).toBe(3);
    }
    expect(evidenceIn(repository)).toHaveLength(3);
    expect((await shown(repository)).map(({ complete }) => complete).slice(-4)).toEqual([
      undefined,
      false,
      false,
      false,
    ]);
    expect((await repository.run("snapshots")).stdout).toMatch(/ incomplete( |\n)/);
    const { code, stdout, stderr } = await repository.run(...rules);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("floor: it is incomplete or damaged, and so is none of the complete ones that are kept");
    // Three complete ones, and the newest of all; the rule keeps the newest of the complete ones too.
    expect(namesIn(repository, "snapshots")).toEqual(expect.arrayContaining(base.ids.slice(-3)));
    expect(namesIn(repository, "snapshots")).toHaveLength(4);
  });

  test("stays one when its tags change, when it is copied, and when it is rewritten", async () => {
    const repository = copyOf(base);
    await repository.run("backup", "-q", "--host", "partial", source, missing);
    expect((await repository.run("check", "--read-data", "--host", "partial")).code).toBe(0);
    expect((await repository.run("tag", "--add", "x", "--host", "partial")).code).toBe(0);
    const of = async (from: AgedRepository, host: string): Promise<Shown[]> =>
      jsonOf(await from.run("snapshots", "--json", "--host", host))[0] as unknown as Shown[];
    // The tree is the same, so what was proven of it stays.
    expect(await of(repository, "partial")).toMatchObject([
      { complete: false, verified_at: expect.any(String) as string },
    ]);

    for (const host of ["once", "twice"]) {
      const old = host === "once" ? "partial" : "once";
      expect((await repository.run("rewrite", "--new-host", host, "--exclude", "a.txt", "--host", old)).code).toBe(0);
    }
    for (const host of ["once", "twice"]) {
      const [made] = await of(repository, host);
      expect(made, host).toMatchObject({ complete: false });
      expect(made?.verified_at).toBeUndefined();
    }

    const variables = { HOLDFAST_REPOSITORY: join(folder, "second"), HOLDFAST_PASSWORD: "test" };
    await makeRepository(variables);
    const copy = ["copy", "--from-repo", repository.path, "--host", "partial"];
    const from = { ...variables, HOLDFAST_FROM_PASSWORD: "test" };
    const second: AgedRepository = {
      path: join(folder, "second"),
      ids: [],
      days: [],
      run: (...args) => holdfast(args, { variables: from }),
    };
    const copied = await second.run(...copy);
    expect(copied.code, copied.stderr).toBe(0);
    const [there] = await of(second, "partial");
    expect(there).toMatchObject({ complete: false });
    expect(there?.verified_at).toBeUndefined();
    // Cut off before it was recorded, the next copy does so; after that there is nothing to record.
    rmSync(join(second.path, "holdfast"), { recursive: true });
    for (const _ of [1, 2]) expect((await second.run(...copy)).code).toBe(0);
    expect(evidenceIn(second)).toHaveLength(1);
  });
});

describe("a repaired snapshot", { timeout: 120_000 }, () => {
  test("is incomplete, whatever a check proves of what is left", async () => {
    const repository = copyOf(base);
    rmSync(await packOf(repository, "data"));
    expect((await repository.run("repair", "index")).code).toBe(20);
    expect((await repository.run("repair", "snapshots", "--forget", "latest")).code).toBe(0);
    expect(await records(repository)).toMatchObject([{ run: "repair" }]);
    expect((await shown(repository)).at(-1)).toMatchObject({ complete: false });
    expect((await repository.run("check", "--read-data", "--tag", "repaired")).code).toBe(0);
    expect((await shown(repository)).at(-1)).toMatchObject({
      complete: false,
      verified_at: expect.any(String) as string,
    });
  });
});

describe("a restore", { timeout: 120_000 }, () => {
  test.for([
    [["latest", "--verify"], 1],
    [["latest"], 0],
    [["latest", "--verify", "--include", "a.txt"], 0],
    [["latest", "--verify", "--exclude", "nothing"], 0],
    [[`latest:${source}`, "--verify"], 0],
    [["latest", "--verify", "--no-lock"], 0],
  ] as const)("%j proves %i snapshots", async ([args, count]) => {
    const repository = copyOf(base);
    const target = join(folder, `target-${args.join("").replaceAll("/", "-")}`);
    expect((await repository.run("restore", ...args, "--target", target)).code).toBe(0);
    const proven = (await shown(repository)).filter(({ verified_at }) => verified_at !== undefined);
    expect(proven.map(({ id }) => id)).toEqual(count === 1 ? [base.ids.at(-1)] : []);
    // What stands in the target already is not read from the repository.
    if (count === 0) return;
    rmSync(join(repository.path, "holdfast"), { recursive: true });
    expect((await repository.run("restore", ...args, "--target", target)).code).toBe(0);
    expect(evidenceIn(repository)).toEqual([]);
  });

  test("that meets damage takes proof away, however little was restored", async () => {
    const repository = copyOf(base);
    await repository.run("check", "--read-data");
    damage(await packOf(repository, "data"));
    const target = join(folder, "damaged-target");
    expect((await repository.run("restore", "latest", "--include", "a.txt", "--target", target)).code).toBe(20);
    // All have one tree.
    expect((await shown(repository)).every(({ damaged_at }) => damaged_at !== undefined)).toBe(true);
  });
});

describe("records that cannot be read", { timeout: 120_000 }, () => {
  test("neither prove nor take away, and are told once", async () => {
    const repository = copyOf(base);
    await repository.run("backup", "-q", "--host", "box", source, missing);
    const before = await repository.run(...rules, "--dry-run");
    await repository.run("check", "--read-data");
    const forged = "ab".repeat(32);
    writeFileSync(join(repository.path, "holdfast/evidence", forged), `{"version":1,"run":"check"}`);
    const proof = (await records(repository)).find(({ run }) => run === "check")?.id ?? "";
    damage(join(repository.path, "holdfast/evidence", proof));
    for (const args of [["backup", "-q", source], ["check"], ["prune"], ["stats"], ["list", "packs"]]) {
      const ended = await repository.run(...args);
      expect({ args, code: ended.code, stderr: ended.stderr.match(/evidence/g) }).toEqual({
        args,
        code: 0,
        stderr: null,
      });
    }
    const listed = await repository.run("snapshots");
    expect(listed.code).toBe(0);
    expect(listed.stderr.match(/warning: 2 records of evidence cannot be read/g)).toHaveLength(1);
    expect(listed.stdout).not.toContain("verified");
    const after = await repository.run(...rules, "--dry-run");
    expect(after.stderr).toContain("2 records of evidence cannot be read");
    expect(after.stdout).not.toContain("that is verified");
    // Each may say that one more is incomplete: so two more are kept, and none that was kept before goes.
    expect(after.stdout).toContain("of at least 5 complete ones");
    const keptBy = ({ stdout }: { stdout: string }): string[] =>
      [...stdout.matchAll(/^keep +([0-9a-f]{8})/gm)].map(([, id]) => id as string);
    expect(keptBy(after)).toEqual(expect.arrayContaining(keptBy(before)));
    expect(evidenceIn(repository)).toEqual(expect.arrayContaining([forged, proof]));
  });
});

describe("a prune", { timeout: 120_000 }, () => {
  test("removes records that later ones supersede, and those of snapshots that are gone", async () => {
    const repository = copyOf(base);
    for (let n = 0; n < 2; n++) await repository.run("check", "--read-data");
    await repository.run("backup", "-q", "--host", "partial", source, missing);
    expect(evidenceIn(repository)).toHaveLength(3);
    const before = await shown(repository);
    expect((await repository.run("prune", "--dry-run")).code).toBe(0);
    expect(evidenceIn(repository)).toHaveLength(3);
    expect((await repository.run("prune", "-v")).stderr).toContain("removed 1 record of evidence");
    expect(evidenceIn(repository)).toHaveLength(2);
    expect(await shown(repository)).toEqual(before);
    // A forgotten snapshot may come back.
    const partial = before.find(({ complete }) => complete === false)?.id ?? "";
    await repository.run("forget", partial, "--min-age", "0", "--keep-at-least", "0");
    await repository.run("prune");
    expect(evidenceIn(repository)).toHaveLength(2);
    await repository.run("prune", "--grace", "0");
    expect(evidenceIn(repository)).toHaveLength(1);
  });
});

describe("the first run", { timeout: 120_000 }, () => {
  test("records what its check has read, and what could not be read", async () => {
    const variables = { HOLDFAST_REPOSITORY: join(folder, "started"), HOLDFAST_PASSWORD: "test" };
    await makeRepository(variables);
    const started: AgedRepository = {
      path: join(folder, "started"),
      ids: [],
      days: [],
      run: (...args) => holdfast(args, { variables }),
    };
    expect((await started.run("start", source)).code).toBe(0);
    expect((await started.run("start", source, missing)).code).toBe(3);
    const at = expect.any(String) as string;
    expect(await shown(started)).toMatchObject([{ verified_at: at }, { complete: false, verified_at: at }]);
  });
});

describe.skipIf(!isInstalled("restic"))("restic", { timeout: 120_000 }, () => {
  test("does not see records, and works as before", async () => {
    const repository = copyOf(base);
    await repository.run("check", "--read-data");
    await repository.run("backup", "-q", source, missing);
    const variables = {
      RESTIC_REPOSITORY: repository.path,
      RESTIC_PASSWORD: "test",
      RESTIC_CACHE_DIR: join(folder, "restic-cache"),
    };
    for (const args of [["check", "--read-data"], ["snapshots"], ["backup", "-q", source], ["prune"], ["stats"]]) {
      const ended = await program("restic", args, { variables });
      expect(ended.code, `${args.join(" ")}: ${ended.stderr}`).toBe(0);
    }
    expect(evidenceIn(repository)).toHaveLength(2);
    // What restic tags is a snapshot that was made of another one.
    await program("restic", ["tag", "--add", "y", base.ids[0] as string], { variables });
    expect(readdirSync(join(repository.path, "snapshots"))).not.toContain(base.ids[0]);
    const all = await shown(repository);
    expect(all.filter(({ verified_at }) => verified_at !== undefined)).toHaveLength(DAYS);
  });
});
