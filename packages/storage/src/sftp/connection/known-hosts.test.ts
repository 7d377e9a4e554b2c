import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { KnownHosts, fingerprintOf, keyTypeOf, knownHostLine } from "./known-hosts.ts";

/** From `ssh-keygen -lf`: the fingerprint is known from outside. */
const LINE = "AAAAC3NzaC1lZDI1NTE5AAAAIBvJFTi5Oi9VGJzwxJIlI2i+3YcJXHMvW/oPkBzeqNN4";
const key = Buffer.from(LINE, "base64");
const other = Buffer.from(key);
other[40] = (other[40] ?? 0) ^ 1;

describe("known hosts", () => {
  test.each([
    ["host ssh-ed25519 KEY", "host", 22, "known"],
    ["HOST ssh-ed25519 KEY a comment", "Host", 22, "known"],
    ["a,host,b ssh-ed25519 KEY", "host", 22, "known"],
    ["*.example.org ssh-ed25519 KEY", "backup.example.org", 22, "known"],
    ["*.example.org,!bad.example.org ssh-ed25519 KEY", "bad.example.org", 22, "unknown"],
    ["h?st ssh-ed25519 KEY", "hst", 22, "unknown"],
    ["host.example ssh-ed25519 KEY", "hostxexample", 22, "unknown"],
    ["[host]:2222 ssh-ed25519 KEY", "host", 2222, "known"],
    ["[host]:2222 ssh-ed25519 KEY", "host", 22, "unknown"],
    ["[host]:2222 ssh-ed25519 KEY", "host", 2223, "unknown"],
    ["host ssh-ed25519 KEY", "host", 2222, "known"],
    ["host ssh-ed25519 OTHER\n[host]:2222 ssh-ed25519 KEY", "host", 2222, "known"],
    ["[host]:2222 ssh-ed25519 OTHER\nhost ssh-ed25519 KEY", "host", 2222, "changed"],
    ["host ssh-ed25519 OTHER", "host", 22, "changed"],
    ["host ssh-ed25519 OTHER\nhost ssh-ed25519 KEY", "host", 22, "known"],
    ["@revoked * ssh-ed25519 KEY\nhost ssh-ed25519 KEY", "host", 22, "revoked"],
    ["@cert-authority * ssh-ed25519 KEY", "host", 22, "unknown"],
    ["# host ssh-ed25519 KEY\n\n   \nnonsense\nhost ssh-ed25519", "host", 22, "unknown"],
    ["", "host", 22, "unknown"],
  ])("%j: the key of %s, port %i, is %s", (text, host, port, verdict) => {
    const known = new KnownHosts(text.replaceAll("KEY", LINE).replaceAll("OTHER", other.toString("base64")));
    expect(known.judge(host, port, key)).toBe(verdict);
  });

  test("names that ssh-keygen has hashed are found, and only those", () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-known-"));
    try {
      const file = join(folder, "known_hosts");
      writeFileSync(file, `${knownHostLine("host", 22, key)}\n${knownHostLine("other", 2222, other)}\n`);
      execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
      const text = readFileSync(file, "utf8");
      expect(text).not.toContain("host ");
      const known = new KnownHosts(text);
      expect(known.judge("host", 22, key)).toBe("known");
      expect(known.judge("other", 2222, other)).toBe("known");
      expect(known.judge("other", 2222, key)).toBe("changed");
      expect(known.judge("elsewhere", 22, key)).toBe("unknown");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("says which types of keys are known, so that the server is asked for one of those", () => {
    const known = new KnownHosts(`host ssh-rsa ${LINE}\nhost ssh-ed25519 ${LINE}\n`, `@revoked host x ${LINE}`);
    expect(known.keyTypes("host", 22)).toEqual(["ssh-rsa", "ssh-ed25519"]);
    expect(known.keyTypes("elsewhere", 22)).toEqual([]);
  });

  test("shows a key as ssh does", () => {
    const shown = execFileSync("ssh-keygen", ["-lf", "-"], { input: `ssh-ed25519 ${LINE}\n`, encoding: "utf8" });
    expect(shown.split(" ")[1]).toBe(fingerprintOf(key));
    expect(keyTypeOf(key)).toBe("ssh-ed25519");
    expect(keyTypeOf(Buffer.from([1, 2]))).toBe("");
  });
});
