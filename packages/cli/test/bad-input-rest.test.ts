/** What is wrong with a place behind TLS, with its login, or its quota: a clear error at once, and nothing is lost. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestAuthority } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectRefused, succeed } from "./bad-input.ts";
import { type RunningServer, holdfast, startServer, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const clients = join(folder, "clients.json");
const authority = new TestAuthority();
const servers: RunningServer[] = [];
let token = "";
let good = "";

async function serve(name: string, names: string, days?: number): Promise<string> {
  const { file } = authority.sign(name, names, days);
  const root = join(folder, `root of ${name}`);
  mkdirSync(root);
  const tls = ["--tls-certificate", file, "--tls-key", file];
  const server = await startServer([root, "--clients", clients, ...tls]);
  servers.push(server);
  return `rest:${server.url}den/`;
}

beforeAll(async () => {
  const add = ["serve", "client", "add", "den", "--repository", "den", "--quota", "5M", "--clients", clients];
  const added = await holdfast(add);
  expect(added.code, added.stderr).toBe(0);
  token = added.stdout.trim();
  good = await serve("good", "IP:127.0.0.1");
  await succeed(["init", "-q", "-r", good, "--cacert", authority.file], login());
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(authority.folder, { recursive: true, force: true });
});

const login = (password = token): Record<string, string> => ({
  HOLDFAST_REST_USERNAME: "den",
  HOLDFAST_REST_PASSWORD: password,
  XDG_CACHE_HOME: join(folder, "cache"),
});

describe("a certificate", () => {
  test.for([
    ["nobody has signed", "stranger", "IP:127.0.0.1", 1, false, /nobody that this machine trusts/, /--cacert/],
    ["expired", "expired", "IP:127.0.0.1", -1, true, /has expired/, /Renew the certificate/],
    ["for another name", "elsewhere", "DNS:elsewhere.example", 1, true, /another host name/, /Use the name/],
  ] as const)("that is %s ends the run at once", async ([, name, names, days, isTrusted, says, hint]) => {
    const location = await serve(name, names, days);
    const argv = ["snapshots", "-r", location, ...(isTrusted ? ["--cacert", authority.file] : [])];
    await expectRefused({ argv, variables: login(), exit: 1, error: "STORAGE_UNTRUSTED", says, hint });
  });

  test("is not asked for by who speaks without TLS", async () => {
    const argv = ["snapshots", "-r", good.replace("https:", "http:")];
    const { code, stderr } = await holdfast(argv, { variables: { ...login(), HOLDFAST_PASSWORD: "x" } });
    expect(code, stderr).not.toBe(0);
    expect(stderr).not.toContain(token);
  });
});

describe("a login", () => {
  const argv = (): string[] => ["snapshots", "-r", good, "--cacert", authority.file];

  test("that is missing is asked for by its variables", async () => {
    const missing = { exit: 1, error: "STORAGE_NO_CREDENTIALS", says: /login/, hint: /HOLDFAST_REST_USERNAME/ };
    await expectRefused({ argv: argv(), ...missing });
  });

  test("that is wrong is not tried a second time", async () => {
    const wrong = { exit: 1, error: "STORAGE_CREDENTIALS_REFUSED", says: /refused/, hint: /user name, key or token/ };
    await expectRefused({ argv: argv(), variables: login("s3cr3t-login"), ...wrong });
    const inAddress = ["snapshots", "--cacert", authority.file, "-r"];
    const address = good.replace("https://", "https://den:s3cr3t-login@");
    await expectRefused({ argv: [...inAddress, address], ...wrong });
  });

  test("for another repository is told as such", async () => {
    const elsewhere = ["snapshots", "--cacert", authority.file, "-r", good.replace("/den/", "/other/")];
    const refused = { exit: 1, error: "STORAGE_PERMISSION", says: /permission/, hint: /./ };
    await expectRefused({ argv: elsewhere, variables: login(), ...refused });
  });
});

test("a quota that is used up is told as such, and what was stored before is whole", async () => {
  const small = join(folder, "small");
  const large = join(folder, "large");
  writeFileSync(small, randomBytes(100_000));
  writeFileSync(large, randomBytes(20_000_000));
  const at = ["-r", good, "--cacert", authority.file];
  await succeed(["backup", "-q", ...at, small], login());
  const full = { exit: 1, error: "STORAGE_FULL", says: /no space left|quota/, hint: /Free space/ };
  await expectRefused({ argv: ["backup", ...at, large], variables: login(), ...full });
  await succeed(["check", "--read-data", ...at], login());
  const listed = await succeed(["snapshots", "--json", ...at], login());
  expect(JSON.parse(listed.stdout)).toHaveLength(1);
});
