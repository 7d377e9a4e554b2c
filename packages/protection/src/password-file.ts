/** The password that Holdfast makes for a user who gave none: random, in a file that only this user can read. */
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { Secret, systemCode } from "@holdfast/base";
import { protectionError } from "./errors.ts";

/** 256 bits: nobody guesses it, and the key derivation need not save it. */
const PASSWORD_BYTES = 32;
const MAX_BYTES = 4096;
const OTHERS = 0o077;

/**
 * @returns the password, or `undefined` when there is no such file
 * @throws PROTECTION_PASSWORD_EXPOSED, PROTECTION_PASSWORD_UNUSABLE
 */
export function readPasswordFile(path: string): Secret | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw protectionError(
      "PROTECTION_PASSWORD_UNUSABLE",
      { path, reason: systemCode(error) ?? "it cannot be opened" },
      error,
    );
  }
  try {
    const { mode, size } = fstatSync(file);
    const shown = (mode & 0o7777).toString(8).padStart(4, "0");
    if ((mode & OTHERS) !== 0) throw protectionError("PROTECTION_PASSWORD_EXPOSED", { path, mode: shown });
    if (size > MAX_BYTES)
      throw protectionError("PROTECTION_PASSWORD_UNUSABLE", { path, reason: `it has ${size} bytes` });
    const password = readFileSync(file, "utf8").split("\n")[0]?.trimEnd() ?? "";
    if (password === "") throw protectionError("PROTECTION_PASSWORD_UNUSABLE", { path, reason: "it is empty" });
    return new Secret(password);
  } finally {
    closeSync(file);
  }
}

/** Makes the file with a new password, readable by its owner only. Never replaces one that is there. */
export function createPasswordFile(path: string): Secret {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const password = randomBytes(PASSWORD_BYTES).toString("base64url");
  const file = openSync(path, "wx", 0o600);
  try {
    // The process's umask must not decide over a secret.
    chmodSync(path, 0o600);
    writeSync(file, `${password}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const parent = openSync(folder, "r");
  try {
    fsyncSync(parent);
  } finally {
    closeSync(parent);
  }
  return new Secret(password);
}
