import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hostSettings } from "./host-settings.ts";

const home = mkdtempSync(join(tmpdir(), "holdfast-config-"));
mkdirSync(join(home, ".ssh/config.d"), { recursive: true });
afterAll(() => rmSync(home, { recursive: true }));
const localUser = userInfo().username;

/** What is known of `host` with this text as the user's configuration. */
async function settings(
  text: string,
  host: string,
  { options = {}, variables = {}, user = undefined as string | undefined, port = undefined as number | undefined } = {},
): ReturnType<typeof hostSettings> {
  writeFileSync(join(home, ".ssh/config"), text);
  const given: Readonly<Record<string, string>> = options;
  const environment: Readonly<Record<string, string>> = variables;
  const surroundings = { variable: (name: string) => environment[name], option: (name: string) => given[name], home };
  return hostSettings({ host, user, port }, surroundings, "sftp:test");
}

describe("ssh's configuration", () => {
  test("without a file, gives what ssh takes by default", async () => {
    expect(await settings("", "host")).toMatchObject({
      host: "host",
      port: 22,
      user: localUser,
      keyName: "host",
      newHostsFile: undefined,
      knownHostsFiles: [
        join(home, ".ssh/known_hosts"),
        join(home, ".ssh/known_hosts2"),
        "/etc/ssh/ssh_known_hosts",
        "/etc/ssh/ssh_known_hosts2",
      ],
      identityFiles: ["id_ed25519", "id_ecdsa", "id_rsa"].map((name) => join(home, ".ssh", name)),
      identitiesOnly: false,
      agent: undefined,
      jumps: [],
    });
  });

  test("gives what the sections for a host say; the first value counts, and files of keys add up", async () => {
    const text = `
# a comment
Host backup backup-*  !backup-old
  HostName %h.example.org
  Port 2222
  User="saver"
  IdentityFile ~/.ssh/one
  IdentitiesOnly yes
  HostKeyAlias  the-vault
  ConnectTimeout 7
  ServerAliveInterval 9
  ServerAliveCountMax 2
  AddressFamily inet6
  StrictHostKeyChecking accept-new
  UserKnownHostsFile ~/.ssh/vault_hosts /etc/vault
Host *
  User nobody
  Port 99
  IdentityFile ~/.ssh/%r@%n
`;
    expect(await settings(text, "backup-new")).toMatchObject({
      host: "backup-new.example.org",
      port: 2222,
      user: "saver",
      keyName: "the-vault",
      connectMs: 7000,
      aliveMs: 9000,
      aliveCount: 2,
      family: 6,
      identityFiles: [join(home, ".ssh/one"), join(home, ".ssh/saver@backup-new")],
      identitiesOnly: true,
      newHostsFile: join(home, ".ssh/vault_hosts"),
    });
    expect(await settings(text, "backup-old")).toMatchObject({ host: "backup-old", port: 99, user: "nobody" });
  });

  test("counts less than the address and the options", async () => {
    const text = "Host *\n  User nobody\n  Port 99\n  StrictHostKeyChecking no\n";
    const options = {
      "sftp.identity-file": "~/key",
      "sftp.strict-host-key-checking": "yes",
      "sftp.host-key": "SHA256:x",
    };
    const found = await settings(text, "host", { user: "me", port: 1, options });
    expect(found).toMatchObject({ user: "me", port: 1, newHostsFile: undefined, fingerprint: "SHA256:x" });
    expect(found.identityFiles[0]).toBe(join(home, "key"));
    expect(await settings(text, "host", { options: { "sftp.config": "none" } })).toMatchObject({ port: 22 });
  });

  test.each([
    ["Match all", true],
    ["Match host real.example.org", true],
    ["Match host other", false],
    ["Match originalhost alias", true],
    ["Match !originalhost alias", false],
    ["Match originalhost a*,b user me", true],
    ["Match user you", false],
    [`Match localuser ${localUser}`, true],
    ["Match exec true", false],
    ["Match final all", false],
    ["Match canonical", false],
  ])("'%s' applies: %s, and no command of it is run", async (match, applies) => {
    const found = await settings(`Host alias\n  HostName real.example.org\n${match}\n  Port 77\n`, "alias", {
      user: "me",
    });
    expect(found.port).toBe(applies ? 77 : 22);
  });

  test("includes other files, in a section only for its hosts", async () => {
    writeFileSync(join(home, ".ssh/config.d/a.conf"), "Host inner\n  Port 11\n");
    writeFileSync(join(home, ".ssh/config.d/b.conf"), "User included\n");
    expect(await settings("Include config.d/*.conf\n", "inner")).toMatchObject({ port: 11, user: "included" });
    const text = "Host outer\n  Include ~/.ssh/config.d/b.conf\nHost inner\n  Port 12\n";
    expect(await settings(text, "inner")).toMatchObject({ port: 12, user: localUser });
    expect(await settings("Include config\n", "inner").catch((error: unknown) => error)).toMatchObject({
      code: "STORAGE_FAILED",
    });
  });

  test("leads through jump hosts, each with its own settings, and the first by its own jumps", async () => {
    const text = `
Host far
  ProxyJump me@near:2022,mid
Host near
  HostName near.example.org
  IdentityFile ~/.ssh/near
  ProxyJump gate
Host mid
  Port 33
  ProxyJump ignored
`;
    const { jumps } = await settings(text, "far", { options: { "sftp.identity-file": "/only/for/the/end" } });
    expect(jumps.map(({ user, host, port }) => `${user}@${host}:${port}`)).toEqual([
      `${localUser}@gate:22`,
      "me@near.example.org:2022",
      `${localUser}@mid:33`,
    ]);
    expect(jumps[1]?.identityFiles).toEqual([join(home, ".ssh/near")]);
    expect((await settings("Host *\n  ProxyJump none\n", "far")).jumps).toEqual([]);
    expect((await settings(text, "far", { options: { "sftp.jump": "elsewhere" } })).jumps).toHaveLength(1);
  });

  test.each([
    ["Host *\n  ProxyJump host\n", "lead in a circle"],
    ["ProxyCommand nc %h %p\n", "ProxyCommand"],
    ["ProxyCommand nc %h %p\nProxyJump x\n", "ProxyCommand"],
    ["ProxyJump a b\n", "no jump host"],
    ["Port many\n", "Port"],
    ["StrictHostKeyChecking maybe\n", "StrictHostKeyChecking"],
    ['User "open\n', "cannot be used"],
  ])("%j is an error and not passed over", async (text, words) => {
    await expect(settings(text, "host")).rejects.toMatchObject({
      code: "STORAGE_FAILED",
      message: expect.stringContaining(words),
    });
  });

  test.each([
    ["", "/run/agent"],
    ["IdentityAgent none", undefined],
    ["IdentityAgent SSH_AUTH_SOCK", "/run/agent"],
    ["IdentityAgent $OTHER", "/run/other"],
    ["IdentityAgent ~/agent", join(home, "agent")],
    ["IdentityAgent ${OTHER}.sock", "/run/other.sock"],
  ])("%j: the agent is at %s", async (text, agent) => {
    const variables = { SSH_AUTH_SOCK: "/run/agent", OTHER: "/run/other" };
    expect((await settings(text, "host", { variables })).agent).toBe(agent);
  });
});
