/** Fetches secrets from where a configuration says that they are. */
import { open } from "node:fs/promises";
import { Secret, messageOf, printedBy } from "@holdfast/base";
import type { SecretReference } from "@holdfast/sources";
import { protectionError } from "../errors.ts";
import { passwordInFile, trimPassword } from "../password-text.ts";

const MAX_BYTES = 64 * 1024;
const READABLE_BY_OTHERS = 0o007;

export interface SecretsOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * The secret. What a file holds or a command prints is read as that of --password-file and --password-command is, so that the same
 * file opens the same repository either way.
 * @param what whose it is, for messages
 * @throws PROTECTION_SECRET; what a command printed is never part of the message
 */
export async function fetchSecret(reference: SecretReference, what: string, options: SecretsOptions): Promise<Secret> {
  const fail = (reason: string, cause?: unknown): Error =>
    protectionError("PROTECTION_SECRET", { what, reference: shown(reference), reason }, cause);
  let text: string | undefined;
  try {
    text = await textOf(reference, options);
  } catch (error) {
    options.signal.throwIfAborted();
    throw fail(messageOf(error), error);
  }
  if (text === undefined) throw fail("it is not set");
  if (text === "") throw fail("it is empty");
  return new Secret(text);
}

async function textOf(
  reference: SecretReference,
  { environment, signal }: SecretsOptions,
): Promise<string | undefined> {
  if ("env" in reference) return environment[reference.env];
  if ("file" in reference) return passwordInFile(await contentOf(reference.file));
  const words = reference.command as readonly [string, ...string[]];
  return trimPassword((await printedBy(words, { environment, maxBytes: MAX_BYTES, signal })).toString("utf8"));
}

async function contentOf(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { mode, size } = await file.stat();
    // A group may be meant, as in the files of a service; everybody never is.
    if ((mode & READABLE_BY_OTHERS) !== 0) {
      throw new Error(`everybody can read it (mode ${(mode & 0o777).toString(8)}): run chmod o-rwx on it`);
    }
    if (size > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function shown(reference: SecretReference): string {
  if ("env" in reference) return `the variable ${reference.env}`;
  return "file" in reference ? `the file ${reference.file}` : `the command ${reference.command[0] ?? ""}`;
}
