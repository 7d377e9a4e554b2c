/** Removals by plans that people approve: over HTTP, with real SSH keys. */
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { planHash, planStatement } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { RepositoryServer } from "../src/repository-server/repository-server.ts";
import {
  HOUR_MS,
  PLAN_CLIENTS,
  PLAN_SURROUNDINGS,
  type PlanServer,
  TurnedClock,
  approve,
  approving,
  firstOf,
  makeKey,
  nameOf,
  proposal,
  propose,
  publicLine,
  remove,
  sign,
  startPlanServer,
  statusOf,
} from "./plan-lab.ts";
import { isInstalled } from "./programs.ts";
import { makeDen, names, put, sample } from "./sample.ts";
import { type Answer, scratch, startServer } from "./test-server.ts";

const CONTENT = ["snapshot", "index", "pack", "forgotten", "hold", "evidence"] as const;

/** A plan that has all it needs but time. */
async function approved(served: PlanServer, types: Parameters<typeof propose>[1] = ["pack", "index"]): Promise<string> {
  const { hash } = await propose(served, types);
  for (const person of ["anna", "bert"] as const) {
    const answer = await approve(served, hash, person);
    expect(answer.status, answer.body.toString()).toBe(200);
  }
  return hash;
}

function expectRefused({ status, headers, body }: Answer, text: RegExp, expected = 403): void {
  expect(body.toString()).toMatch(text);
  expect(status).toBe(expected);
  if (expected === 403) expect(headers["holdfast-refusal"]).toBe("plan");
}

describe.skipIf(!isInstalled("ssh-keygen"))("a server that removes by plans", { timeout: 60_000 }, () => {
  test("says so, and lets nobody remove anything but locks without one, the role admin included", async () => {
    const served = await startPlanServer();
    for (const client of ["keeper", "admin"]) {
      for (const type of CONTENT) expectRefused(await remove(served, type, client), /named in no plan/);
    }
    for (const type of ["config", "key"] as const) {
      const { path } = type === "key" ? sample("key", 400, 99) : sample(type);
      expectRefused(await served.ask("admin", "DELETE", path), /named in no plan/);
    }
    const replaced = await served.ask("admin", "POST", "/den/config", { body: sample("config", 160, 7).bytes });
    expectRefused(replaced, /named in no plan/);
    expect(await names(served, "keeper", "pack")).toHaveLength(2);
    expect((await put(served, "append-only", "lock")).status).toBe(200);
    const { headers, status } = await remove(served, "lock");
    expect(status).toBe(200);
    expect(headers["holdfast-rest"]).toMatch(/plans/);
  });

  test("without these options has no plans, and removes as it always did", async () => {
    const served = await startServer({ clients: PLAN_CLIENTS });
    await makeDen(served);
    await put(served, "append-only", "pack");
    const { headers, status } = await served.ask("keeper", "GET", "/den/holdfast/plans/");
    expect(status).toBe(404);
    expect(headers["holdfast-rest"]).not.toMatch(/plans/);
    expect((await remove(served, "pack")).status).toBe(200);
  });

  test("removes what a plan names, once two people have approved it and its delay is over, and nothing else", async () => {
    const served = await startPlanServer();
    const plan = await propose(served, ["pack", "index", "snapshot"]);
    expect(plan).toMatchObject({ state: "waiting", client: "keeper", person: nameOf("cleo"), files: 3, bytes: 3000 });
    const document = await served.ask("restore", "GET", `/den/holdfast/plans/${plan.hash}`);
    expect(planHash(document.body)).toBe(plan.hash);
    expect(document.body.toString()).toContain(`pack ${sample("pack").name} 1000\n`);
    expect((await approve(served, plan.hash, "anna")).status).toBe(200);
    served.clock.turn(25 * HOUR_MS);
    expect(await statusOf(served, plan.hash)).toMatchObject({
      state: "waiting",
      approvedBy: [{ name: nameOf("anna") }],
    });
    expectRefused(await remove(served, "pack"), /named in no plan/);
    expect((await approve(served, plan.hash, "bert")).status).toBe(200);
    expect(await statusOf(served, plan.hash)).toMatchObject({ state: "ready" });
    for (const type of ["pack", "index", "snapshot"] as const) expect((await remove(served, type)).status).toBe(200);
    expectRefused(await served.ask("keeper", "DELETE", sample("pack", 1001, 1).path), /named in no plan/);
    expectRefused(await remove(served, "hold"), /named in no plan/);
    expect(await statusOf(served, plan.hash)).toMatchObject({ state: "done", removed: 3 });
    expect(await names(served, "keeper", "pack")).toEqual([sample("pack", 1001, 1).name]);
    // What was approved goes to the trash like all else.
    const trash = new DatabaseSync(join(served.root, ".holdfast-server/ledger.sqlite"), { readOnly: true });
    expect(trash.prepare("SELECT count(*) AS count FROM trash").get()?.["count"]).toBe(3);
    trash.close();
  });

  test("waits for the delay however many have approved", async () => {
    const served = await startPlanServer();
    const hash = await approved(served);
    expect(await statusOf(served, hash)).toMatchObject({ state: "waiting" });
    expectRefused(await remove(served, "pack"), /past its delay/);
    served.clock.turn(24 * HOUR_MS + 1000);
    expect((await remove(served, "pack")).status).toBe(200);
  });

  test("removes nothing by a plan that has expired, though some of its files are gone", async () => {
    const served = await startPlanServer();
    const hash = await approved(served);
    served.clock.turn(71 * HOUR_MS);
    expect((await remove(served, "index")).status).toBe(200);
    served.clock.turn(2 * HOUR_MS);
    expectRefused(await remove(served, "pack"), /expired/);
    expect(await statusOf(served, hash)).toMatchObject({ state: "expired", removed: 1 });
    expectRefused(await approve(served, hash, "cleo"), /is expired/, 409);
  });

  test("with a delay alone needs nobody, and cancels for who may remove", async () => {
    const served = await startPlanServer({ approvals: 0, approversFile: undefined });
    const first = await propose(served, ["pack"]);
    const body = sign(served.folder, "anna", planStatement("approve", first.hash));
    expectRefused(
      await served.ask("keeper", "POST", `/den/holdfast/plans/${first.hash}/approval`, { body }),
      /nobody/,
      409,
    );
    expectRefused(await remove(served, "pack"), /past its delay/);
    const cancelled = await served.ask("maintenance", "POST", `/den/holdfast/plans/${first.hash}/cancellation`);
    expect(cancelled.status).toBe(200);
    served.clock.turn(25 * HOUR_MS);
    expectRefused(await remove(served, "pack"), /named in no plan/);
    await propose(served, ["pack"]);
    served.clock.turn(25 * HOUR_MS);
    expect((await remove(served, "pack")).status).toBe(200);
  });

  test("a retention lock holds whatever was approved", async () => {
    const served = await startPlanServer({}, { minAgeMs: 48 * HOUR_MS });
    await approved(served);
    served.clock.turn(25 * HOUR_MS);
    const young = await remove(served, "pack");
    expect(young.status).toBe(403);
    expect(young.headers["holdfast-refusal"]).toBe("retention");
    served.clock.turn(24 * HOUR_MS);
    expect((await remove(served, "pack")).status).toBe(200);
  });

  test("a forgotten snapshot that is a snapshot again needs no plan; one that is not does", async () => {
    const served = await startPlanServer();
    const { bytes, name } = firstOf("forgotten");
    expectRefused(await remove(served, "forgotten"), /named in no plan/);
    expect((await served.ask("append-only", "POST", `/den/snapshots/${name}`, { body: bytes })).status).toBe(200);
    expect((await remove(served, "forgotten")).status).toBe(200);
    expectRefused(await served.ask("keeper", "DELETE", `/den/snapshots/${name}`), /named in no plan/);
  });

  describe("takes no approval", () => {
    const cases: readonly (readonly [
      what: string,
      make: (served: PlanServer, hash: string) => Promise<Uint8Array> | Uint8Array,
      text: RegExp,
    ])[] = [
      [
        "of the person who uses the client",
        ({ folder }, hash) => sign(folder, "cleo", statement(hash)),
        /cleo.*cannot/,
      ],
      [
        "of somebody who is no approver",
        async ({ folder }, hash) => {
          await makeKey(folder, "mallory");
          return sign(folder, "mallory", statement(hash));
        },
        /no approver has the key/,
      ],
      ["over another plan", ({ folder }) => sign(folder, "anna", statement("ab".repeat(32))), /something else/],
      [
        "that is a cancellation",
        ({ folder }, hash) => sign(folder, "anna", planStatement("cancel", hash)),
        /something else/,
      ],
      ["made for another purpose", ({ folder }, hash) => sign(folder, "anna", statement(hash), "file"), /purpose/],
      ["that is no signature", () => Buffer.from("hello"), /no approver has the key/],
      ["that is empty", () => new Uint8Array(0), /no approver has the key/],
      ["that is binary", () => Buffer.from([0, 255, 10, 0]), /no approver has the key/],
      [
        "of which a byte was changed",
        ({ folder }, hash) => {
          const lines = sign(folder, "anna", statement(hash)).toString().split("\n");
          const last = lines.at(-3) ?? "";
          lines[lines.length - 3] = (last.startsWith("A") ? "B" : "A") + last.slice(1);
          return Buffer.from(lines.join("\n"));
        },
        /does not count/,
      ],
    ];

    test.each(cases)("%s", async (_, make, text) => {
      const served = await startPlanServer();
      const { hash } = await propose(served, ["pack"]);
      await approve(served, hash, "bert");
      const body = await make(served, hash);
      expectRefused(await served.ask("restore", "POST", `/den/holdfast/plans/${hash}/approval`, { body }), text);
      served.clock.turn(25 * HOUR_MS);
      expect(await statusOf(served, hash)).toMatchObject({
        state: "waiting",
        approvedBy: [{ name: nameOf("bert") }],
      });
      expectRefused(await remove(served, "pack"), /named in no plan/);
    });

    test("twice of the same person", async () => {
      const served = await startPlanServer();
      const { hash } = await propose(served, ["pack"]);
      expect((await approve(served, hash, "anna")).status).toBe(200);
      expectRefused(await approve(served, hash, "anna"), /counts once/, 409);
      served.clock.turn(25 * HOUR_MS);
      expectRefused(await remove(served, "pack"), /named in no plan/);
    });

    test("of a person with the name of the client", async () => {
      const served = await startPlanServer();
      const line = await makeKey(served.folder, "maintenance");
      await writeFile(served.file, line, { flag: "a" });
      const { hash } = await propose(served, ["pack"], "maintenance");
      const body = sign(served.folder, "maintenance", statement(hash));
      const answer = await served.ask("restore", "POST", `/den/holdfast/plans/${hash}/approval`, { body });
      expectRefused(answer, /stands for the client maintenance/);
    });

    test("for a plan that nobody knows, or that is of another repository", async () => {
      const served = await startPlanServer();
      const { hash } = await propose(served, ["pack"]);
      expectRefused(await approve(served, "ab".repeat(32), "anna"), /no such plan/, 404);
      const body = sign(served.folder, "anna", statement(hash));
      const elsewhere = await served.ask("other", "POST", `/else/holdfast/plans/${hash}/approval`, { body });
      expectRefused(elsewhere, /no such plan/, 404);
      for (const path of [`/den/holdfast/plans/${hash}`, "/den/holdfast/plans/"]) {
        expect((await served.ask("other", "GET", path)).status).toBe(403);
      }
      for (const path of [
        "/den/holdfast/plans/../config",
        `/den/holdfast/plans/${hash}/delete`,
        "/den/holdfast/plans/xyz",
      ]) {
        expect((await served.ask("keeper", "POST", path)).status).toBe(400);
      }
    });
  });

  test("one approver alone cancels a plan; a client that may not remove needs the signature", async () => {
    const served = await startPlanServer();
    const hash = await approved(served);
    const path = `/den/holdfast/plans/${hash}/cancellation`;
    expect((await served.ask("append-only", "POST", path)).status).toBe(403);
    const wrong = sign(served.folder, "anna", statement(hash));
    expectRefused(await served.ask("append-only", "POST", path, { body: wrong }), /something else/);
    const body = sign(served.folder, "cleo", planStatement("cancel", hash));
    expect((await served.ask("append-only", "POST", path, { body })).status).toBe(200);
    expect(await statusOf(served, hash)).toMatchObject({ state: "cancelled", cancelledBy: nameOf("cleo") });
    served.clock.turn(25 * HOUR_MS);
    expectRefused(await remove(served, "pack"), /named in no plan/);
    expectRefused(await served.ask("append-only", "POST", path, { body }), /is cancelled/, 409);
  });

  test.each([
    ["a lock", '{"command":"prune","reason":""}\nlock '.concat("ab".repeat(32), "\n"), 400, /locks need no plan/],
    ["no file", '{"command":"prune","reason":""}\n', 400, /from 1 to/],
    ["a file that is not there", `{"command":"prune","reason":""}\npack ${"ab".repeat(32)}\n`, 409, /not there/],
    ["a file twice", proposal(["pack", "pack"]), 400, /each once/],
    ["a path", '{"command":"prune","reason":""}\npack ../../config\n', 400, /names no file/],
    ["no JSON", "prune\n", 400, /not JSON/],
    ["no reason", `{"command":"prune"}\npack ${sample("pack").name}\n`, 400, /lacks/],
    ["a reason of two lines", proposal(["pack"], { reason: "one\ntwo" }), 400, /one line/],
    ["a reason that never ends", proposal(["pack"], { reason: "x".repeat(1001) }), 400, /too long/],
    ["a command with an escape", proposal(["pack"], { command: "\u001b[2J" }), 400, /command/],
    ["a key, by who may not remove keys", proposal(["key"]), 403, /may add, but neither remove/],
    ["no end", Buffer.from(proposal(["pack"])).subarray(0, -1), 400, /no end/],
  ] as const)("registers no plan with %s", async (_, body, status, text) => {
    const served = await startPlanServer();
    const answer = await served.ask("keeper", "POST", "/den/holdfast/plans/", { body: Buffer.from(body) });
    expect(answer.body.toString()).toMatch(text);
    expect(answer.status).toBe(status);
    expect(JSON.parse((await served.ask("keeper", "GET", "/den/holdfast/plans/")).body.toString())).toEqual([]);
  });

  test("takes plans only of who may remove, and only so many; the same one again is the one that is there", async () => {
    const served = await startPlanServer();
    for (const client of ["append-only", "write-only", "restore"]) {
      expect((await served.ask(client, "POST", "/den/holdfast/plans/", { body: proposal(["pack"]) })).status).toBe(403);
    }
    const { hash } = await propose(served, ["pack", "index"]);
    served.clock.turn(1000);
    expect((await propose(served, ["index", "pack"])).hash).toBe(hash);
    for (const type of ["pack", "index", "snapshot", "forgotten", "hold", "evidence"] as const)
      await propose(served, [type]);
    await propose(served, ["hold", "evidence"]);
    const ninth = await served.ask("keeper", "POST", "/den/holdfast/plans/", { body: proposal(["hold", "pack"]) });
    expectRefused(ninth, /8 plans are open/, 409);
    const { status } = await served.ask("keeper", "POST", "/den/holdfast/plans/", {
      headers: { "content-length": String(20 * 1024 * 1024) },
    });
    expect(status).toBe(413);
  });

  test("plans, approvals and what was removed survive a restart, and stricter rules count for them too", async () => {
    const clock = new TurnedClock();
    const served = await startPlanServer({}, { clock });
    const hash = await approved({ ...served, clock });
    clock.turn(25 * HOUR_MS);
    expect((await remove(served, "index")).status).toBe(200);
    await served.server.close({ graceMs: 0 });
    const settings = { clients: PLAN_CLIENTS, root: served.root, clock, surroundings: PLAN_SURROUNDINGS };
    for (const changes of [{ approvals: 3 }, { delayMs: 48 * HOUR_MS }] as const) {
      const stricter = await startServer({ ...settings, plans: { ...served.plans, ...changes } });
      expect(await statusOf(stricter, hash)).toMatchObject({ state: "waiting", removed: 1 });
      expectRefused(await remove(stricter, "pack"), /named in no plan/);
      await stricter.server.close({ graceMs: 0 });
    }
    const again = await startServer({ ...settings, plans: served.plans });
    expect(await statusOf(again, hash)).toMatchObject({ state: "ready", removed: 1 });
    expect((await remove(again, "pack")).status).toBe(200);
  });

  test("an approver who is taken out of the file counts no more, at once; without the file nothing is removed", async () => {
    const served = await startPlanServer();
    const hash = await approved(served);
    served.clock.turn(25 * HOUR_MS);
    expect(await statusOf(served, hash)).toMatchObject({ state: "ready" });
    const others = await makeKey(served.folder, "dora");
    const lines = await Promise.all(["anna", "cleo"].map(async (person) => publicLine(served.folder, person)));
    await writeFile(served.file, lines.join("") + others);
    expect(await statusOf(served, hash)).toMatchObject({ state: "waiting", approvedBy: [{ name: nameOf("anna") }] });
    expectRefused(await remove(served, "pack"), /named in no plan/);
    await rm(served.file);
    const { status, body } = await remove(served, "pack");
    expect(status).toBe(403);
    expect(body.toString()).toMatch(/file of approvers cannot be used/);
    expect(body.toString()).not.toContain(served.file);
    expect(served.log.at(-1)?.error?.code).toBe("SERVER_APPROVERS_LOST");
    expect(await names(served, "keeper", "pack")).toHaveLength(2);
  });

  test("a plan that somebody changed in the server's records is found out, and removes nothing", async () => {
    const served = await startPlanServer();
    const { hash } = await propose(served, ["pack", "index"]);
    const records = new DatabaseSync(join(served.root, ".holdfast-server/ledger.sqlite"));
    const swap = records.prepare("UPDATE plans SET document = CAST(replace(CAST(document AS TEXT), ?, ?) AS BLOB)");
    swap.run(sample("pack").name, sample("pack", 1001, 1).name);
    records.close();
    await served.server.close({ graceMs: 0 });
    const again = await startServer({
      clients: PLAN_CLIENTS,
      root: served.root,
      clock: served.clock,
      surroundings: PLAN_SURROUNDINGS,
      plans: served.plans,
    });
    const restarted = { ...served, ...again };
    expectRefused(await approve(restarted, hash, "anna"), /not what was registered/, 409);
    restarted.clock.turn(25 * HOUR_MS);
    for (const seed of [0, 1]) {
      const { status } = await again.ask("keeper", "DELETE", sample("pack", 1000 + seed, seed).path);
      expect(status).toBe(409);
    }
    expect(await names(again, "keeper", "pack")).toHaveLength(2);
  });

  test("each step is in the log with who took it, and the metrics count plans", async () => {
    const served = await startPlanServer({}, { metrics: { host: "127.0.0.1", port: 0 } });
    const hash = await approved(served);
    served.clock.turn(25 * HOUR_MS);
    const scrape = async (): Promise<string> => (await fetch(served.server.metricsUrl ?? "")).text();
    expect(await scrape()).toContain("holdfast_open_plans 1\n");
    await remove(served, "pack");
    await remove(served, "index");
    const steps = served.log.filter(({ plan }) => plan === hash);
    expect(steps.map(({ client, planAction, approver, type }) => [client, planAction ?? type, approver])).toEqual([
      ["keeper", "proposed", undefined],
      ["restore", "approved", nameOf("anna")],
      ["restore", "approved", nameOf("bert")],
      ["keeper", "pack", undefined],
      ["keeper", "index", undefined],
    ]);
    const text = await scrape();
    expect(text).toContain('holdfast_plans_total{client="keeper",action="proposed"} 1\n');
    expect(text).toContain('holdfast_plans_total{client="restore",action="approved"} 2\n');
    expect(text).toContain("holdfast_open_plans 0\n");
  });

  describe("does not start", () => {
    async function start(changes: object, environment?: Readonly<Record<string, string>>): Promise<unknown> {
      const made = await approving();
      const root = await scratch();
      const options = {
        root,
        surroundings: { ...PLAN_SURROUNDINGS, ...(environment === undefined ? {} : { environment }) },
        listen: { host: "127.0.0.1", port: 0 },
        access: { anonymous: "admin" },
        plans: { ...made.plans, ...changes },
      } as const;
      const outcome: unknown = await RepositoryServer.start(options).catch((error: unknown) => error);
      if (outcome instanceof RepositoryServer) await outcome.close({ graceMs: 0 });
      return outcome;
    }

    test("with a file of approvers that cannot be used, or that names too few", async () => {
      const { file, folder } = await approving();
      expect(await start({ approversFile: join(folder, "nothing") })).toMatchObject({ code: "SERVER_APPROVERS" });
      expect(await start({ approversFile: folder })).toMatchObject({ code: "SERVER_APPROVERS" });
      expect(await start({ approvals: 4 })).toMatchObject({
        code: "SERVER_APPROVERS",
        message: expect.stringContaining("names 3 people who can approve, and 4 have to") as string,
      });
      await chmod(file, 0o666);
      expect(await start({ approversFile: file })).toMatchObject({
        message: expect.stringContaining("chmod go-w") as string,
      });
    });

    test("where there is no ssh-keygen, or plans would expire before their time comes", async () => {
      const empty = await scratch();
      await mkdir(join(empty, "bin"));
      const outcome = await start({}, { PATH: join(empty, "bin") });
      expect(outcome).toMatchObject({ code: "SERVER_NO_SSH_KEYGEN" });
      expect(await start({ expiryMs: HOUR_MS })).toMatchObject({
        code: "SERVER_PLAN_TIMES",
        message: "plans would expire after 1 hours and could be carried out only after 24 hours",
      });
    });
  });
});

function statement(hash: string): Uint8Array {
  return planStatement("approve", hash);
}
