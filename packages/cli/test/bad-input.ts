/** What every place owes to somebody who gave it something wrong: an error at once, with its code and the next step, and no secret. */
import { expect } from "vitest";
import { type Ended, holdfast } from "./command-runner.ts";

/** Something wrong that is given to a command, and what must come of it. */
export interface BadInput {
  readonly argv: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** Exit code and code of the error. */
  readonly exit: number;
  readonly error: string;
  /** What the message says. */
  readonly says: RegExp;
  /** The next step. */
  readonly hint: RegExp;
}

/** Words that are in no output. */
export const SECRETS = ["s3cr3t-login", "s3cr3t-repository"] as const;
const [, REPOSITORY_SECRET] = SECRETS;

/** What cannot pass by itself is told at once: no try is repeated, whose first wait alone is half a second. */
const AT_ONCE_MS = 20_000;

/** Runs it twice, for people and for programs. @returns the run for people */
export async function expectRefused({ argv, variables, exit, error, says, hint }: BadInput): Promise<Ended> {
  const options = { variables: { HOLDFAST_PASSWORD: REPOSITORY_SECRET, HOLDFAST_DEBUG: "1", ...variables } };
  const began = performance.now();
  const text = await holdfast(argv, options);
  const json = await holdfast([...argv, "--json"], options);
  const said = `${argv.join(" ")}\n${text.stderr}`;
  expect(text.code, said).toBe(exit);
  expect(text.stderr, said).toMatch(says);
  expect(text.stderr, said).toMatch(/^hint: /m);
  expect(text.stderr.slice(text.stderr.indexOf("hint: ")), said).toMatch(hint);
  const last = JSON.parse(json.stderr.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  expect(last, said).toMatchObject({ message_type: "exit_error", code: exit, error_code: error });
  for (const secret of SECRETS) expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain(secret);
  expect(text.stderr, "it was tried again").not.toContain("trying again");
  expect(performance.now() - began).toBeLessThan(2 * AT_ONCE_MS);
  return text;
}

/** Runs a command that must succeed. */
export async function succeed(
  argv: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const outcome = await holdfast(argv, { variables: { HOLDFAST_PASSWORD: REPOSITORY_SECRET, ...variables } });
  expect(outcome.code, `${argv.join(" ")}\n${outcome.stderr}`).toBe(0);
  return outcome;
}
