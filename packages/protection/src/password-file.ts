/** The password that Holdfast makes for a user who gave none: random, in a file that only this user can read. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { messageOf, Secret, systemCode } from "@holdfast/base";
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

/**
 * Makes the file with a new password, readable by its owner only. Never replaces one that is there, and leaves none behind
 * when it fails.
 * @throws PROTECTION_PASSWORD_NOT_MADE
 */
export function createPasswordFile(path: string): Secret {
  const password = randomBytes(PASSWORD_BYTES).toString("base64url");
  try {
    const folder = dirname(path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeNewFile(path, `${password}\n`);
    syncFolder(folder);
  } catch (error) {
    const reason = systemCode(error) ?? messageOf(error);
    throw protectionError("PROTECTION_PASSWORD_NOT_MADE", { path, reason: REASONS[reason] ?? reason }, error);
  }
  return new Secret(password);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space left",
  EDQUOT: "the quota is used up",
  EROFS: "the place is read-only",
  // What Node's recursive mkdir says for EROFS.
  ENOENT: "its folder cannot be made; the place may be read-only",
  EACCES: "no permission",
  EPERM: "no permission",
  ENOTDIR: "something on its path is not a folder",
};

function writeNewFile(path: string, text: string): void {
  const file = openSync(path, "wx", 0o600);
  try {
    // The process's umask must not decide over a secret.
    chmodSync(path, 0o600);
    writeSync(file, text);
    fsyncSync(file);
  } catch (error) {
    // An empty file would be taken for the password by the next run.
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
