/** What tests of plans for removals share: approvers with real SSH keys, a clock that is turned, and requests about plans. */
import { spawnSync } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Clock,
  type FileType,
  PLAN_NAMESPACE,
  type PlanStatus,
  planStatement,
  systemClock,
} from "@holdfast/storage";
import { hashToken } from "../src/repository-server/client-secrets.ts";
import type { Client } from "../src/repository-server/clients-file.ts";
import type { PlanOptions } from "../src/repository-server/repository-server.ts";
import { run, succeed } from "./programs.ts";
import { makeDen, put, sample } from "./sample.ts";
import {
  type Answer,
  CLIENTS,
  type TestOptions,
  type TestServer,
  scratch,
  startServer,
  tokenOf,
} from "./test-server.ts";

export const HOUR_MS = 3_600_000;
export const PEOPLE = ["anna", "bert", "cleo"] as const;
export type Person = (typeof PEOPLE)[number];

/** A clock that goes on by itself, and further when it is turned; both of its times agree. */
export class TurnedClock implements Clock {
  #aheadMs = 0;

  turn(ms: number): void {
    this.#aheadMs += ms;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs;
  }

  elapsedMs(): number {
    return systemClock.elapsedMs() + this.#aheadMs;
  }

  sleep(ms: number, options: { signal: AbortSignal }): Promise<void> {
    return systemClock.sleep(ms, options);
  }
}

/** Keys of people, and the file that names them. */
export interface Approving {
  readonly folder: string;
  readonly file: string;
  readonly plans: PlanOptions;
}

/** The name of a person as an approver. */
export function nameOf(person: string): string {
  return `${person}@example.org`;
}

/** Makes a key. Returns the line of the person in a file of approvers. */
export async function makeKey(folder: string, person: string): Promise<string> {
  succeed(await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", person, "-f", join(folder, person)]));
  return publicLine(folder, person);
}

/** The line of a person whose key there is. */
export async function publicLine(folder: string, person: string): Promise<string> {
  const [type, key] = (await readFile(join(folder, `${person}.pub`), "utf8")).split(" ");
  return `${nameOf(person)} ${type} ${key}\n`;
}

/** Three people, of whom two have to approve; a day's delay, and three days until a plan expires. */
export async function approving(changes: Partial<PlanOptions> = {}): Promise<Approving> {
  const folder = await scratch();
  const file = join(folder, "approvers");
  let text = "";
  for (const person of PEOPLE) text += await makeKey(folder, person);
  await writeFile(file, text);
  await chmod(file, 0o644);
  const plans = { delayMs: 24 * HOUR_MS, expiryMs: 72 * HOUR_MS, approvals: 2, approversFile: file, ...changes };
  return { folder, file, plans };
}

/** `keeper` is a client of cleo's; the others are those of every test. */
export const PLAN_CLIENTS: readonly Client[] = [
  ...CLIENTS,
  {
    name: "keeper",
    role: "maintenance",
    repositories: ["den"],
    tokenHashes: [hashToken(tokenOf("keeper"))],
    person: nameOf("cleo"),
  },
  { name: "other", role: "maintenance", repositories: ["else"], tokenHashes: [hashToken(tokenOf("other"))] },
];

export interface PlanServer extends TestServer, Approving {
  readonly clock: TurnedClock;
}

/** What programs get to see: where `ssh-keygen` is. */
const SURROUNDINGS = {
  variable: () => undefined,
  option: () => undefined,
  home: "/",
  environment: { PATH: process.env["PATH"] },
};

/** A server that removes by plans, with the repository `den` in which there is a sample of each type. */
export async function startPlanServer(
  changes: Partial<PlanOptions> = {},
  options: TestOptions = {},
): Promise<PlanServer> {
  const made = await approving(changes);
  const clock = new TurnedClock();
  const served = await startServer({
    clients: PLAN_CLIENTS,
    plans: made.plans,
    clock,
    surroundings: SURROUNDINGS,
    ...options,
  });
  await makeDen(served);
  for (const type of ["snapshot", "index", "pack", "hold", "evidence", "forgotten"] as const) {
    for (const seed of [0, 1]) await put(served, "append-only", type, sizeOf(type) + seed, seed);
  }
  return { ...served, ...made, clock };
}

/** Other sizes are other bytes: a forgotten snapshot must not be one of the snapshots. */
function sizeOf(type: FileType): number {
  return type === "forgotten" ? 1200 : 1000;
}

/** The first file of a type in the repository. */
export function firstOf(type: FileType): ReturnType<typeof sample> {
  return sample(type, sizeOf(type));
}

export { SURROUNDINGS as PLAN_SURROUNDINGS };

/** What asks for the removal of samples. */
export function proposal(
  types: readonly FileType[],
  { command = "prune", reason = "no longer needed" } = {},
): Uint8Array {
  const lines = types.map((type) => `${type} ${firstOf(type).name || "-"}\n`);
  return Buffer.from(`${JSON.stringify({ command, reason })}\n${lines.join("")}`);
}

/** Registers a plan, and returns what the server says of it. */
export async function propose(served: TestServer, types: readonly FileType[], client = "keeper"): Promise<PlanStatus> {
  const answer = await served.ask(client, "POST", "/den/holdfast/plans/", { body: proposal(types) });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body.toString()}`);
  return JSON.parse(answer.body.toString()) as PlanStatus;
}

/** The state of a plan as the server has it. */
export async function statusOf(served: TestServer, hash: string): Promise<PlanStatus> {
  const { body } = await served.ask("restore", "GET", "/den/holdfast/plans/");
  const found = (JSON.parse(body.toString()) as PlanStatus[]).find((plan) => plan.hash === hash);
  if (found === undefined) throw new Error(`there is no plan ${hash}`);
  return found;
}

/** A signature by somebody's key. */
export function sign(folder: string, person: string, statement: Uint8Array, namespace = PLAN_NAMESPACE): Uint8Array {
  const args = ["-q", "-Y", "sign", "-f", join(folder, person), "-n", namespace];
  const { stdout, status, stderr } = spawnSync("ssh-keygen", args, { input: statement });
  if (status !== 0) throw new Error(stderr.toString());
  return stdout;
}

/** Brings somebody's approval, as another client. */
export function approve(served: PlanServer, hash: string, person: Person): Promise<Answer> {
  const body = sign(served.folder, person, planStatement("approve", hash));
  return served.ask("restore", "POST", `/den/holdfast/plans/${hash}/approval`, { body });
}

/** Tries to remove a sample. */
export function remove(served: TestServer, type: FileType, client = "keeper"): Promise<Answer> {
  return served.ask(client, "DELETE", firstOf(type).path);
}
