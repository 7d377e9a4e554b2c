/** Certificates that OpenSSL has made, and which key belongs to which. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasProgram } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCertificates } from "./certificates.ts";

const root = mkdtempSync(join(tmpdir(), "holdfast-certificates-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { cwd: root, stdio: "ignore" });
}

describe.skipIf(!hasProgram("openssl"))("certificates", () => {
  beforeAll(() => {
    mkdirSync(join(root, "etc"));
    const made = ["req", "-x509", "-days", "40", "-newkey"];
    openssl(
      ...made,
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=plain.example.org",
      "-addext",
      "subjectAltName=DNS:a.example.org,DNS:b.example.org",
      "-keyout",
      "etc/odd name",
      "-out",
      "etc/plain.pem",
    );
    openssl(
      ...made,
      "ed25519",
      "-passout",
      "pass:secret",
      "-subj",
      "/O=Example/CN=locked.example.org",
      "-keyout",
      "etc/locked.key",
      "-out",
      "etc/locked.crt",
    );
    openssl(
      ...made,
      "ed25519",
      "-nodes",
      "-subj",
      "/CN=gone.example.org",
      "-keyout",
      "gone.key",
      "-out",
      "etc/gone.crt",
    );
    writeFileSync(
      join(root, "etc/both.pem"),
      Buffer.concat([readFileSync(join(root, "etc/gone.crt")), readFileSync(join(root, "gone.key"))]),
    );
    writeFileSync(
      join(root, "etc/many.pem"),
      Buffer.concat(Array.from({ length: 20 }, () => readFileSync(join(root, "etc/plain.pem")))),
    );
    writeFileSync(join(root, "etc/broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  });

  test("come with the key that belongs to them, by the key itself or, where that is locked, by its name", () => {
    const names = [
      "plain.pem",
      "odd name",
      "locked.crt",
      "locked.key",
      "gone.crt",
      "both.pem",
      "many.pem",
      "broken.pem",
      "absent.pem",
    ];
    const found = readCertificates(
      names.map((name) => `/etc/${name}`),
      root,
    );
    expect(found.map(({ path, keyPath, isKeyCertain, names: hosts }) => [path, keyPath, isKeyCertain, hosts])).toEqual([
      ["/etc/plain.pem", "/etc/odd name", true, ["a.example.org", "b.example.org"]],
      ["/etc/locked.crt", "/etc/locked.key", false, ["locked.example.org"]],
      ["/etc/gone.crt", "/etc/both.pem", true, ["gone.example.org"]],
      ["/etc/both.pem", "/etc/both.pem", true, ["gone.example.org"]],
    ]);
    expect(found[0]?.isAuthority).toBe(true);
    expect(found[0]?.expiresMs).toBeGreaterThan(Date.now() + 39 * 24 * 60 * 60 * 1000);
    expect(found[1]?.issuer).toBe("Example");
  });

  test("without the file of their key have none", () => {
    expect(readCertificates(["/etc/gone.crt"], root)[0]?.keyPath).toBeUndefined();
  });
});
