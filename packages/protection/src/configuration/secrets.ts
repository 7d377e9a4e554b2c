/** Fetches secrets from where a configuration says that they are. */
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { Secret, endingWithUs, findProgram, messageOf } from "@holdfast/base";
import type { SecretReference } from "@holdfast/sources";
import { protectionError } from "../errors.ts";

const MAX_BYTES = 64 * 1024;
const READABLE_BY_OTHERS = 0o007;

export interface SecretsOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * The secret, without the line end behind it.
 * @param what whose it is, for messages
 * @throws PROTECTION_SECRET; what a command printed is never part of the message
 */
export async function fetchSecret(reference: SecretReference, what: string, options: SecretsOptions): Promise<Secret> {
  const shown =
    "env" in reference
      ? `the variable ${reference.env}`
      : "file" in reference
        ? `the file ${reference.file}`
        : `the command ${reference.command[0] ?? ""}`;
  const fail = (reason: string, cause?: unknown): Error =>
    protectionError("PROTECTION_SECRET", { what, reference: shown, reason }, cause);
  let text: string | undefined;
  try {
    if ("env" in reference) text = options.environment[reference.env];
    else if ("file" in reference) text = await contentOf(reference.file);
    else text = await outputOf(reference.command, options);
  } catch (error) {
    options.signal.throwIfAborted();
    throw fail(messageOf(error), error);
  }
  if (text === undefined) throw fail("it is not set");
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "") throw fail("it is empty");
  if (/[\r\n\0]/.test(secret)) throw fail("it has more than one line");
  return new Secret(secret);
}

async function contentOf(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { mode, size } = await file.stat();
    // A group may be meant, as in the files of a service; everybody never is.
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      throw new Error(`everybody can read it (mode ${(mode & 0o777).toString(8)}): run chmod o-rwx on it`);
    }
    if (size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function outputOf(words: readonly string[], { environment, signal }: SecretsOptions): Promise<string> {
  const path = environment["PATH"] ?? "";
  const found = await findProgram(words[0] ?? "", path);
  if (found === undefined) throw new Error("there is no such program");
  const [program, ...before] = await endingWithUs(found, path);
  const child = spawn(program, [...before, ...words.slice(1)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment,
    signal,
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => resolve(messageOf(error)));
    child.on("close", (code, by) =>
      resolve(code === 0 ? undefined : by === null ? `exit code ${code}` : `ended by ${by}`),
    );
  });
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    total += part.length;
    if (total > MAX_BYTES) child.kill();
    else parts.push(part);
  }
  const failure = await ended;
  if (total > MAX_BYTES) throw new Error(`it printed more than ${MAX_BYTES} bytes`);
  if (failure !== undefined) throw new Error(failure);
  return Buffer.concat(parts).toString("utf8");
}
