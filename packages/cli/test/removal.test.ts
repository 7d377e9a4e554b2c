/** Removals by plans, by the command line as people and machines use it: forget, prune, and people with SSH keys. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  clientVariables,
  type Ended,
  type RunningServer,
  ended,
  holdfast,
  isInstalled,
  program,
  startHoldfast,
  startServer,
  temporaryFolder,
} from "./command-runner.ts";

const PEOPLE = ["anna", "bert", "cleo"] as const;
const WAITING = 4;
const DELAY_MS = 2000;
const NAMED = ["--min-age", "0", "--keep-at-least", "0"];

interface PlanJson {
  readonly hash: string;
  readonly state: string;
  readonly command: string;
  readonly reason: string;
  readonly removed: number;
  readonly files: number;
  readonly approved_by: readonly { readonly name: string }[];
  readonly file_list: readonly { readonly type: string; readonly name: string; readonly paths?: readonly string[] }[];
}

describe.skipIf(!isInstalled("ssh-keygen"))("at a server that removes by plans", () => {
  const folder = temporaryFolder();
  const [source, root, clients, approvers] = ["source", "root", "clients.json", "approvers"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  const tokens = new Map<string, string>();
  let server: RunningServer;

  function variablesOf(client: string): Record<string, string> {
    return clientVariables(server, client, { token: tokens.get(client), cache: join(folder, `cache of ${client}`) });
  }

  const as = (client: string, ...argv: readonly string[]): Promise<Ended> =>
    holdfast(argv, { variables: variablesOf(client) });

  async function expectCode(code: number, client: string, ...argv: readonly string[]): Promise<Ended> {
    const outcome = await as(client, ...argv);
    expect(outcome.code, `${argv.join(" ")}\n${outcome.stdout}\n${outcome.stderr}`).toBe(code);
    return outcome;
  }

  const start = async (): Promise<void> => {
    const settings = ["--approvers", approvers, "--removal-delay", `${DELAY_MS / 1000}s`, "--plan-expiry", "1h"];
    server = await startServer([root, "--clients", clients, ...settings]);
  };

  async function plans(): Promise<readonly PlanJson[]> {
    return JSON.parse((await expectCode(0, "den", "removal", "list", "--all", "--json")).stdout) as PlanJson[];
  }

  async function waitingPlan(): Promise<PlanJson> {
    const found = (await plans()).filter(({ state }) => state === "waiting");
    expect(found).toHaveLength(1);
    return found[0] as PlanJson;
  }

  const approve = (person: string, hash: string): Promise<Ended> =>
    as("den", "removal", "approve", hash, "--key", join(folder, person));

  async function approveBoth({ hash }: PlanJson): Promise<void> {
    for (const person of ["anna", "bert"]) expect((await approve(person, hash)).code).toBe(0);
    await setTimeout(DELAY_MS);
  }

  async function snapshots(): Promise<readonly { readonly id: string }[]> {
    return JSON.parse((await expectCode(0, "den", "snapshots", "--json")).stdout) as { id: string }[];
  }

  const packs = (): number => readdirSync(join(root, "den/data"), { recursive: true }).length;

  beforeAll(async () => {
    for (const made of [source, root]) mkdirSync(made);
    for (const person of PEOPLE) {
      const made = await program("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, person)]);
      expect(made.code, made.stderr).toBe(0);
      const [type, key] = readFileSync(join(folder, `${person}.pub`), "utf8").split(" ");
      writeFileSync(approvers, `${person}@example.org ${type} ${key}\n`, { flag: "a" });
    }
    for (const [name, role, ...more] of [
      ["den", "append-only"],
      ["keeper", "maintenance", "--person", "cleo@example.org"],
      ["boss", "admin"],
    ] as const) {
      const add = [
        "serve",
        "client",
        "add",
        name,
        "--role",
        role,
        "--repository",
        "den",
        "--clients",
        clients,
        ...more,
      ];
      const added = await holdfast(add);
      expect(added.code, added.stderr).toBe(0);
      tokens.set(name, added.stdout.trim());
    }
    await start();
    await expectCode(0, "den", "init", "-q");
    // Each backup has files that only it has: forgetting the first ones leaves packs of which a part is needed.
    for (let n = 0; n < 4; n++) {
      for (let m = 0; m < 3; m++) writeFileSync(join(source, `f${m}`), randomBytes(700_000));
      writeFileSync(join(source, `kept${n}`), randomBytes(300_000));
      await expectCode(0, "den", "backup", "-q", source);
    }
  }, 120_000);

  afterAll(() => server.stop());

  test("forget proposes a plan, two of three people approve it, and the same command carries it out", async () => {
    const [first, second] = await snapshots();
    const forget = ["forget", first?.id ?? "", ...NAMED, "--reason", "the machine is gone"];
    const proposed = await expectCode(WAITING, "keeper", ...forget);
    expect(proposed.stdout).toMatch(
      /nothing was forgotten: this server removes by plans\nproposed plan [0-9a-f]{64}: forget, 1 file/,
    );
    expect(proposed.stdout).toMatch(/it waits for 2 more of 2 approvals and until .*; expires /);
    const plan = await waitingPlan();
    expect(plan).toMatchObject({ command: "forget", reason: "the machine is gone", files: 1 });
    expect(await snapshots()).toHaveLength(4);
    // Whoever signs sees what it is about: what the snapshot holds comes from the repository itself.
    const shown = await expectCode(0, "den", "removal", "show", "--open", plan.hash.slice(0, 8));
    for (const text of [plan.hash, first?.id.slice(0, 16) ?? "", source, "the machine is gone", "1 snapshot", "cleo"]) {
      expect(shown.stdout).toContain(text);
    }
    const json = await expectCode(0, "den", "removal", "show", "--open", "--json", plan.hash);
    expect((JSON.parse(json.stdout) as PlanJson).file_list).toMatchObject([{ name: first?.id, paths: [source] }]);

    expect((await approve("cleo", plan.hash)).stderr).toContain("stands for the client keeper");
    expect((await approve("anna", plan.hash)).stdout).toContain("waits for 1 more of 2 approvals");
    const twice = await approve("anna", plan.hash);
    expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining("counts once")]);
    await expectCode(WAITING, "keeper", ...forget);
    expect((await approve("bert", plan.hash)).code).toBe(0);
    await setTimeout(DELAY_MS);
    // Only what was approved goes, whatever else is asked for.
    const more = await expectCode(WAITING, "keeper", "forget", first?.id ?? "", second?.id ?? "", ...NAMED);
    expect(more.stdout).toContain("forgot 1 snapshot");
    expect((await snapshots()).map(({ id }) => id)).not.toContain(first?.id);
    expect(await snapshots()).toHaveLength(3);
    await approveBoth(await waitingPlan());
    await expectCode(0, "keeper", "forget", second?.id ?? "", ...NAMED);
    expect(await snapshots()).toHaveLength(2);
  }, 120_000);

  test("what was approved stays when it is no longer to go", async () => {
    const [, last] = await snapshots();
    await expectCode(WAITING, "keeper", "forget", last?.id ?? "", ...NAMED);
    await approveBoth(await waitingPlan());
    await expectCode(0, "den", "hold", "add", last?.id ?? "", "--reason", "audit");
    await expectCode(1, "keeper", "forget", last?.id ?? "", ...NAMED);
    expect(await snapshots()).toHaveLength(2);
  }, 60_000);

  test("prune writes and removes nothing before it is approved, survives restarts and a kill, and harms no later backup", async () => {
    const before = packs();
    const prune = ["prune", "--grace", "0", "--max-unused", "0"];
    await expectCode(WAITING, "keeper", ...prune);
    expect(packs()).toBe(before);
    const plan = await waitingPlan();
    expect(plan.command).toBe("prune");
    const again = await expectCode(WAITING, "keeper", ...prune);
    expect(again.stdout).toContain(`there is plan ${plan.hash}`);
    expect((await approve("anna", plan.hash)).code).toBe(0);
    server.kill();
    await start();
    await expectCode(0, "den", "backup", "-q", "--tag", "later", source);
    expect((await approve("bert", plan.hash)).code).toBe(0);
    await setTimeout(DELAY_MS);
    // Ended in the middle: it has to send some megabytes, and may not send them fast.
    const child = startHoldfast([...prune, "--limit-upload", "256"], { variables: variablesOf("keeper") });
    const outcome = ended(child);
    await setTimeout(2500);
    child.kill("SIGKILL");
    expect((await outcome).code).not.toBe(0);
    await expectCode(0, "keeper", "unlock", "--remove-all");
    await expectCode(0, "den", "check", "--read-data");
    await expectCode(0, "keeper", ...prune);
    expect((await plans()).find(({ hash }) => hash === plan.hash)).toMatchObject({ state: "done" });
    await expectCode(0, "den", "check", "--read-data");
    const target = join(folder, "target");
    await expectCode(0, "den", "restore", "-q", "latest", "-t", target);
    for (const name of readdirSync(source)) {
      expect(readFileSync(join(target, source, name)).equals(readFileSync(join(source, name))), name).toBe(true);
    }
    // What was removed is in the trash, as always.
    const trash = await holdfast(["serve", "trash", "list", root, "--repository", "den", "--type", "pack", "--json"]);
    expect((JSON.parse(trash.stdout) as unknown[]).length).toBeGreaterThan(0);
  }, 120_000);

  test("rules have one plan at a time, and a plan that was cancelled removes nothing", async () => {
    const rules = [
      "forget",
      "--keep-last",
      "1",
      "--keep-at-least",
      "0",
      "--min-age",
      "0",
      "--spares",
      "0",
      "--group-by",
      "",
    ];
    const limits = ["--max-forget-share", "100%", "--max-forget-count", "unlimited"];
    await expectCode(0, "keeper", "removal", "list");
    await expectCode(WAITING, "keeper", ...rules, ...limits, "--json");
    const plan = await waitingPlan();
    expect(plan).toMatchObject({ command: "forget", reason: "no rule keeps them" });
    await expectCode(0, "den", "backup", "-q", "--tag", "another", source);
    await expectCode(WAITING, "keeper", ...rules, ...limits);
    expect((await waitingPlan()).hash).toBe(plan.hash);
    expect((await as("den", "removal", "cancel", plan.hash)).stderr).toMatch(/may add, but neither remove/);
    await expectCode(0, "den", "removal", "cancel", plan.hash, "--key", join(folder, "cleo"));
    const late = await approve("anna", plan.hash);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("is cancelled")]);
    const count = (await snapshots()).length;
    await expectCode(WAITING, "keeper", ...rules, ...limits);
    expect(await snapshots()).toHaveLength(count);
    await expectCode(0, "keeper", "removal", "cancel", (await waitingPlan()).hash);
  }, 60_000);

  test("commands that would remove at once are refused before they change anything; bringing back is not", async () => {
    const before = await snapshots();
    for (const argv of [
      ["tag", "--add", "x", "latest"],
      ["rewrite", "--new-host", "x", "--forget", "latest"],
      ["repair", "index"],
    ]) {
      const { stderr } = await expectCode(1, "keeper", ...argv);
      expect(stderr).toContain("removes only by plans: nothing was changed");
    }
    await expectCode(1, "boss", "key", "passwd", "--new-password-file", approvers);
    expect(await snapshots()).toEqual(before);
    const [first] = before;
    await expectCode(WAITING, "keeper", "forget", first?.id ?? "", ...NAMED);
    const held = await as("keeper", "forget", first?.id ?? "", ...NAMED);
    expect(held.code).toBe(WAITING);
    await approveBoth(await waitingPlan());
    await expectCode(0, "keeper", "forget", first?.id ?? "", ...NAMED);
    await expectCode(0, "keeper", "unforget", first?.id ?? "");
    expect((await snapshots()).map(({ id }) => id)).toContain(first?.id);
  }, 60_000);

  test.skipIf(!isInstalled("restic"))(
    "restic, which knows no plans, removes nothing",
    async () => {
      const [first] = await snapshots();
      const url = server.url.replace("http://", `http://keeper:${tokens.get("keeper") ?? ""}@`);
      const variables = { RESTIC_REPOSITORY: `rest:${url}den/`, RESTIC_PASSWORD: "correct horse" };
      // It repeats a refusal for minutes.
      const refused = await program("timeout", ["5", "restic", "--no-cache", "forget", first?.id ?? ""], {
        variables,
      });
      expect(refused.stderr).toContain("403 Forbidden");
      expect((await snapshots()).map(({ id }) => id)).toContain(first?.id);
      await expectCode(0, "keeper", "unlock", "--remove-all");
    },
    60_000,
  );

  describe("a mistake is named", () => {
    test.each([
      [["removal", "show", "abc"], 2, /at least its first 8 digits/],
      [["removal", "show", "ab".repeat(32)], 1, /no plan whose hash begins with/],
      [["removal", "approve", "ab".repeat(32)], 2, /--key FILE/],
      [["removal", "approve", "ab".repeat(32), "--key", "/nothing"], 1, /no plan whose hash/],
    ] as const)("%j", async (argv, code, text) => {
      expect((await expectCode(code, "den", ...argv)).stderr).toMatch(text);
    });

    test("a key that is not there, a place without plans, and options that belong together", async () => {
      const [first] = await snapshots();
      await expectCode(WAITING, "keeper", "forget", first?.id ?? "", ...NAMED);
      const { hash } = await waitingPlan();
      const unsigned = await as("den", "removal", "approve", hash, "--key", join(folder, "nobody"));
      expect([unsigned.code, unsigned.stderr]).toEqual([1, expect.stringContaining("nothing was signed with")]);
      const local = join(folder, "local");
      const variables = { HOLDFAST_REPOSITORY: local, HOLDFAST_PASSWORD: "x" };
      expect((await holdfast(["init", "-q"], { variables })).code).toBe(0);
      expect((await holdfast(["removal", "list"], { variables })).stderr).toContain(
        "nothing is removed by plans there",
      );
      for (const [options, code, text] of [
        [["--approvals", "2"], 2, /name them with --approvers/],
        [["--plan-expiry", "2h"], 2, /give --removal-delay or --approvers/],
        [["--approvers", join(folder, "nobody")], 1, /cannot be used: ENOENT/],
        [["--approvers", approvers, "--approvals", "4"], 1, /names 3 people who can approve, and 4 have to/],
        [["--approvers", approvers, "--plan-expiry", "2h"], 1, /expire after 2 hours/],
      ] as const) {
        const other = join(folder, "other root");
        if (!existsSync(other)) mkdirSync(other);
        const args = ["serve", "repository", other, "--anonymous", "admin", "--listen", "127.0.0.1:0", ...options];
        const outcome = await holdfast(args);
        expect([options, outcome.code]).toEqual([options, code]);
        expect(outcome.stderr).toMatch(text);
        rmSync(other, { recursive: true });
      }
    }, 60_000);
  });
});
