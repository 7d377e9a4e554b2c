import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import type { SecretReference } from "@holdfast/sources";
import { afterAll, describe, expect, test } from "vitest";
import { passwordInFile } from "../password-text.ts";
import { fetchSecret } from "./secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const environment = { PATH: process.env["PATH"], KNOWN: "from a variable", EMPTY: "" };
const fetched = async (reference: SecretReference): Promise<string> =>
  (await fetchSecret(reference, "repository main", { environment, signal })).reveal();

function file(content: string | Uint8Array, mode = 0o600): SecretReference {
  const path = join(folder, `${Math.random()}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return { file: path };
}

describe("a secret", () => {
  test("comes from a variable, a file or a command", async () => {
    expect(await fetched({ env: "KNOWN" })).toBe("from a variable");
    expect(await fetched(file("from a file\n"))).toBe("from a file");
    expect(await fetched({ command: ["printf", "%s\\n", "from $HOME"] })).toBe("from $HOME");
  });

  test.for<[string, Uint8Array]>([
    ["spaces at its end", Buffer.from("secret  \r\n\n")],
    ["a byte order mark", Buffer.from("\ufeffsecret\n")],
    ["UTF-16", Buffer.from("\ufeffsecret\n", "utf16le")],
  ])("in a file is the one that --password-file finds there: %s", async ([, bytes]) => {
    expect(await fetched(file(bytes))).toBe("secret");
    expect(passwordInFile(bytes)).toBe("secret");
  });

  test.for<[SecretReference, RegExp]>([
    [{ env: "ABSENT" }, /variable ABSENT: it is not set/],
    [{ env: "EMPTY" }, /it is empty/],
    [{ file: "/no/such/file" }, /\/no\/such\/file: .*ENOENT/],
    [file(" \n"), /it is empty/],
    [file("secret", 0o644), /everybody can read it \(mode 644\)/],
    [{ command: ["no-such-program-here"] }, /command no-such-program-here: .*ENOENT/],
    [{ command: ["sh", "-c", "echo hunter2; exit 3"] }, /command sh: exit code 3/],
  ])("%j is refused, and said why", async ([reference, reason]) => {
    const error: unknown = await fetched(reference).catch((failure: unknown) => failure);
    expect(isHoldfastError(error, "PROTECTION_SECRET")).toBe(true);
    expect(String(error)).toMatch(reason);
    expect(String(error)).not.toContain("hunter2");
  });
});
