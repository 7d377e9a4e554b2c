/** What is wrong with a place on a WebDAV server: a clear error at once, and nothing is lost. */
import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import {
  DAV_APACHE,
  DAV_PASSWORD,
  DAV_USER,
  type RunningServer,
  hasProgram,
  startServer,
} from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectRefused, expectWhole, succeed } from "./bad-input.ts";
import { temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const secrets = [DAV_PASSWORD, encodeURIComponent(DAV_PASSWORD)];

function login(password = DAV_PASSWORD): Record<string, string> {
  const cache = { XDG_CACHE_HOME: join(folder, "cache") };
  return { ...cache, HOLDFAST_WEBDAV_USERNAME: DAV_USER, HOLDFAST_WEBDAV_PASSWORD: password };
}

describe.skipIf(!hasProgram(DAV_APACHE.program))("a repository of Apache's", { timeout: 120_000 }, () => {
  let server: RunningServer;
  const source = join(folder, "source");
  const at = (place = "repository", user = ""): string => `webdav:http://${user}127.0.0.1:${server.port}/${place}/`;

  beforeAll(async () => {
    server = await startServer(DAV_APACHE);
    writeFileSync(source, randomBytes(100_000));
    await succeed(["init", "-q", "-r", at()], login());
    await succeed(["backup", "-q", "-r", at(), source], login());
  }, 120_000);
  afterAll(() => server.stop());

  const REFUSED = { error: "STORAGE_CREDENTIALS_REFUSED", says: /refused/, hint: /user name, key or token/ };

  test.for([
    ["a wrong password", { variables: login("s3cr3t-login") }, 1, REFUSED],
    ["a wrong password in its address", { user: `${DAV_USER}:s3cr3t-login@`, variables: {} }, 1, REFUSED],
    ["an unknown user", { user: "berta:s3cr3t-login@", variables: {} }, 1, REFUSED],
    [
      "no login",
      { variables: {} },
      1,
      { error: "STORAGE_NO_CREDENTIALS", says: /login is not known/, hint: /HOLDFAST_WEBDAV_USERNAME/ },
    ],
    [
      "a folder that is not there",
      { place: "not/mounted" },
      10,
      { error: "ENGINE_NO_REPOSITORY", says: /no repository/, hint: /init/ },
    ],
  ] as const)("with %s is told as such", async ([, given, exit, expected]) => {
    const {
      place,
      user,
      variables = login(),
    }: { place?: string; user?: string; variables?: Record<string, string> } = given;
    await expectRefused({ argv: ["snapshots", "-r", at(place, user)], variables, exit, secrets, ...expected });
    await expectRefused({
      argv: ["backup", "-r", at(place, user), source],
      variables,
      exit,
      secrets,
      ...expected,
    });
    await succeed(["snapshots", "-q", "-r", at()], login());
  });

  test("that the server may only read is told as such, and can be read with --no-lock", async () => {
    const mode = (folders: number, files: number): void => setModes(join(server.folder, "data"), folders, files);
    mode(0o555, 0o444);
    const refused = { exit: 1, secrets, error: "STORAGE_PERMISSION", says: /permission/, hint: /--no-lock/ };
    try {
      await expectRefused({ argv: ["backup", "-r", at(), source], variables: login(), ...refused });
      await expectRefused({ argv: ["check", "-r", at()], variables: login(), ...refused });
      await expectRefused({ argv: ["init", "-r", at("another")], variables: login(), ...refused });
      await expectWhole(["--no-lock", "-r", at()], login());
    } finally {
      mode(0o777, 0o666);
    }
    await expectWhole(["-r", at()], login());
  });
});

/** The server works as another user than root, who is held by these. */
function setModes(of: string, folders: number, files: number): void {
  chmodSync(of, 0o777);
  for (const entry of readdirSync(of, { withFileTypes: true })) {
    const path = join(of, entry.name);
    if (entry.isDirectory()) setModes(path, folders, files);
    else chmodSync(path, files);
  }
  chmodSync(of, folders);
}

test("a WebDAV server that nobody started ends with 1 at once where no patience was asked for", async () => {
  const argv = ["snapshots", "-r", "webdav:http://127.0.0.1:1/x/", "--retry-for", "0"];
  const nobody = { error: "STORAGE_UNAVAILABLE", says: /nothing listens there/, hint: /--retry-for/ };
  await expectRefused({ argv, variables: login(), exit: 1, secrets, ...nobody });
});

describe("a server of web pages", () => {
  const asked: string[] = [];
  const page = "<!doctype html><title>Welcome</title>";
  // One that answers every question with its page, as hotel networks and parked names do.
  const server = createServer((request, response) => {
    asked.push(request.method ?? "");
    request.resume();
    response.writeHead(200, { "content-type": "text/html", "content-length": page.length }).end(page);
  });
  beforeAll(() => once(server.listen(0, "127.0.0.1"), "listening"));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.for([["snapshots"], ["check"], ["init"], ["backup", folder]])(
    "is no place for %j",
    async ([name = "", ...args]) => {
      const { port } = server.address() as AddressInfo;
      const argv = [name, ...args, "-r", `webdav:http://127.0.0.1:${port}/x/`];
      const refused = { error: "STORAGE_FAILED", says: /no WebDAV server answers there/, hint: /address/ };
      await expectRefused({ argv, variables: login(), exit: 1, secrets, ...refused });
      expect(asked.filter((method) => /PUT|MOVE|DELETE/.test(method))).toEqual([]);
    },
  );
});
