/** What is wrong with a place on an SFTP server: a clear error at once, and nothing is lost. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SshServer, hasSshServer } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, test } from "vitest";
import { expectRefused, succeed } from "./bad-input.ts";
import { temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();

describe.skipIf(!hasSshServer())("a repository by SFTP", { timeout: 120_000 }, () => {
  let server: SshServer;
  let other: SshServer;
  let repository: string;
  const home = (of: SshServer): Record<string, string> => ({ HOME: of.home, SSH_AUTH_SOCK: "" });

  beforeAll(async () => {
    server = await SshServer.start();
    other = await SshServer.start();
    repository = server.url(join(server.root, "repository"));
    await succeed(["init", "-q", "-r", repository], home(server));
  });
  afterAll(async () => {
    await server.stop();
    await other.stop();
  });

  test("of a host whose key is not known is not talked to", async () => {
    const refused = { exit: 1, error: "STORAGE_UNTRUSTED", says: /host key|not known/, hint: /known_hosts|ssh/ };
    const argv = ["snapshots", "-r", repository];
    await expectRefused({ argv, variables: home(other), ...refused });
  });

  test("of a host whose key is another than it was is not talked to", async () => {
    const known = other.knownHostLine(server.port);
    writeFileSync(other.knownHosts, known);
    const refused = { exit: 1, error: "STORAGE_UNTRUSTED", says: /key/, hint: /./ };
    await expectRefused({ argv: ["snapshots", "-r", repository], variables: home(other), ...refused });
  });

  test("with a key that is not admitted, or none, is refused", async () => {
    writeFileSync(other.knownHosts, server.knownHostLine());
    const refused = { exit: 1, error: "STORAGE_CREDENTIALS_REFUSED", says: /refused/, hint: /key/ };
    await expectRefused({ argv: ["snapshots", "-r", repository], variables: home(other), ...refused });
    const bare = join(folder, "home");
    const missing = { exit: 1, error: "STORAGE_NO_CREDENTIALS", says: /key/, hint: /ssh|key/ };
    const variables = { HOME: bare, SSH_AUTH_SOCK: "" };
    const argv = ["snapshots", "-r", repository, "-o", `sftp.known-hosts=${server.knownHosts}`];
    await expectRefused({ argv, variables, ...missing });
  });

  test("that is not there ends with 10", async () => {
    const argv = ["snapshots", "-r", server.url(join(server.root, "nowhere"))];
    const none = { exit: 10, error: "ENGINE_NO_REPOSITORY", says: /no repository/, hint: /init/ };
    await expectRefused({ argv, variables: home(server), ...none });
  });
});
