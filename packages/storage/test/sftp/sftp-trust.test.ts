import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Surroundings } from "../../src/location.ts";
import { openBackend } from "../../src/location.ts";
import { unaborted } from "../../src/testing/conformance-subject.ts";
import { SshServer, freePort, hasSshServer, makeKey, sshUser } from "../../src/testing/ssh-server.ts";

const config = { type: "config", name: "" } as const;

/** Whether somebody gets in: a question for a file that is not there is answered. */
async function tryOut(address: string, surroundings: Surroundings): Promise<unknown> {
  const backend = await openBackend(address, surroundings);
  try {
    return await backend.stat(config, unaborted());
  } finally {
    await backend.close();
  }
}

async function failure(address: string, surroundings: Surroundings): Promise<unknown> {
  return tryOut(address, surroundings).then(
    () => "got in",
    (error: unknown) => error,
  );
}

describe.skipIf(!hasSshServer())("a server of SFTP", () => {
  let server: SshServer;
  let count = 0;

  beforeAll(async () => {
    server = await SshServer.start();
  });

  afterAll(() => server.stop());

  /** The surroundings of a user with a home of its own, who trusts what `knownHosts` says and has the key that the server knows. */
  function newUser(
    knownHosts: string,
    {
      options = {},
      variables = {},
      key = "id_ed25519",
    }: { options?: Record<string, string>; variables?: Record<string, string>; key?: string | null } = {},
  ): Surroundings & { readonly home: string } {
    const home = join(server.folder, `home-${count++}`);
    mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, ".ssh/known_hosts"), knownHosts);
    if (key !== null) copyFileSync(server.clientKey, join(home, ".ssh", key));
    return { variable: (name) => variables[name], option: (name) => options[name], home };
  }

  function address(): string {
    return server.url(join(server.root, "x"));
  }

  describe("is trusted", () => {
    test("when its key is known, also by a hashed name", async () => {
      const surroundings = newUser(server.knownHostLine());
      expect(await tryOut(address(), surroundings)).toBeUndefined();
      execFileSync("ssh-keygen", ["-q", "-H", "-f", join(surroundings.home, ".ssh/known_hosts")], { stdio: "ignore" });
      expect(readFileSync(join(surroundings.home, ".ssh/known_hosts"), "utf8")).not.toContain("127.0.0.1");
      expect(await tryOut(address(), surroundings)).toBeUndefined();
    });

    test("by the line that the error for an unknown key says", async () => {
      const surroundings = newUser("");
      const error = await failure(address(), surroundings);
      const shown = execFileSync("ssh-keygen", ["-lf", `${server.hostKey}.pub`], { encoding: "utf8" }).split(" ")[1];
      expect(error).toMatchObject({
        code: "STORAGE_UNTRUSTED",
        transient: false,
        message: expect.stringContaining(`ssh-ed25519 ${shown} is not known`),
      });
      const hint = (error as { hint: string }).hint;
      execFileSync("sh", ["-c", hint.slice(hint.indexOf("echo "))]);
      expect(await tryOut(address(), surroundings)).toBeUndefined();
    });

    test("never when its key has changed or was revoked, not even when new keys are taken", async () => {
      const other = join(server.folder, `other-${count++}`);
      makeKey(other);
      const [type, key] = readFileSync(`${other}.pub`, "utf8").split(" ");
      const options = { "sftp.strict-host-key-checking": "accept-new" };
      const changed = newUser(`[127.0.0.1]:${server.port} ${type} ${key}\n`, { options });
      expect(await failure(address(), changed)).toMatchObject({
        code: "STORAGE_UNTRUSTED",
        message: expect.stringContaining("has changed"),
        hint: expect.stringContaining(`ssh-keygen -R '[127.0.0.1]:${server.port}'`),
      });
      const revoked = newUser(
        `${server.knownHostLine()}@revoked * ${server.knownHostLine().split(" ").slice(1).join(" ")}`,
        { options },
      );
      expect(await failure(address(), revoked)).toMatchObject({
        code: "STORAGE_UNTRUSTED",
        message: expect.stringContaining("revoked"),
      });
    });

    test("once with accept-new, and from then on", async () => {
      const taking = newUser("", { options: { "sftp.strict-host-key-checking": "accept-new" } });
      expect(await tryOut(address(), taking)).toBeUndefined();
      expect(readFileSync(join(taking.home, ".ssh/known_hosts"), "utf8")).toBe(server.knownHostLine());
      expect(await tryOut(address(), { ...taking, option: () => undefined })).toBeUndefined();
    });

    test("by its fingerprint alone, when that is given", async () => {
      const [, shown = ""] = execFileSync("ssh-keygen", ["-lf", `${server.hostKey}.pub`], { encoding: "utf8" }).split(
        " ",
      );
      expect(await tryOut(address(), newUser("", { options: { "sftp.host-key": shown } }))).toBeUndefined();
      const wrong = newUser(server.knownHostLine(), { options: { "sftp.host-key": "SHA256:AAAA" } });
      expect(await failure(address(), wrong)).toMatchObject({ code: "STORAGE_UNTRUSTED" });
    });
  });

  describe("lets in", () => {
    test.each(["ed25519", "rsa", "ecdsa"])("by a key of type %s", async (type) => {
      const surroundings = newUser(server.knownHostLine(), { key: null });
      const file = join(surroundings.home, ".ssh", `id_${type}`);
      makeKey(file, type);
      server.admit(`${file}.pub`);
      expect(await tryOut(address(), surroundings)).toBeUndefined();
    });

    test("by an encrypted key with its passphrase, and says what is wrong without it", async () => {
      const surroundings = newUser(server.knownHostLine(), { key: null });
      const file = join(surroundings.home, ".ssh/id_ed25519");
      makeKey(file, "ed25519", "open sesame");
      server.admit(`${file}.pub`);
      const passphraseFile = join(surroundings.home, "passphrase");
      const withFile = (text: string): Surroundings => {
        writeFileSync(passphraseFile, text);
        return {
          ...surroundings,
          option: (name) => (name === "sftp.key-passphrase-file" ? passphraseFile : undefined),
        };
      };
      expect(await failure(address(), surroundings)).toMatchObject({
        code: "STORAGE_NO_CREDENTIALS",
        hint: expect.stringContaining("encrypted"),
      });
      const wrong = await failure(address(), withFile("close sesame\n"));
      expect(wrong).toMatchObject({
        code: "STORAGE_NO_CREDENTIALS",
        hint: expect.stringContaining("not the right one"),
      });
      expect(JSON.stringify(wrong)).not.toContain("sesame");
      expect(await tryOut(address(), withFile("open sesame\n"))).toBeUndefined();
    });

    test("by a key of an agent, and only the one that is configured with IdentitiesOnly", async () => {
      const socket = join(server.folder, "agent");
      const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
      try {
        const surroundings = newUser(server.knownHostLine(), { key: null, variables: { SSH_AUTH_SOCK: socket } });
        const file = join(server.folder, "agent-key");
        makeKey(file);
        const add = (): unknown =>
          execFileSync("ssh-add", ["-q", file], { stdio: "ignore", env: { ...process.env, SSH_AUTH_SOCK: socket } });
        for (let tries = 0; tries < 50; tries++) {
          try {
            add();
            break;
          } catch {
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        }
        expect(await failure(address(), surroundings)).toMatchObject({ code: "STORAGE_CREDENTIALS_REFUSED" });
        server.admit(`${file}.pub`);
        expect(await tryOut(address(), surroundings)).toBeUndefined();
        writeFileSync(join(surroundings.home, ".ssh/config"), "IdentitiesOnly yes\n");
        expect(await failure(address(), surroundings)).toMatchObject({ code: "STORAGE_CREDENTIALS_REFUSED" });
        // The private key is in the agent alone; its public part says which one is meant.
        copyFileSync(`${file}.pub`, join(surroundings.home, ".ssh/chosen.pub"));
        appendFileSync(join(surroundings.home, ".ssh/config"), "IdentityFile ~/.ssh/chosen\n");
        expect(await tryOut(address(), surroundings)).toBeUndefined();
      } finally {
        agent.kill();
      }
    });

    test("by a key file when the agent is not there", async () => {
      const surroundings = newUser(server.knownHostLine(), { variables: { SSH_AUTH_SOCK: "/no/such/agent" } });
      expect(await tryOut(address(), surroundings)).toBeUndefined();
    });

    test("nobody with a wrong key, without trying again", async () => {
      const surroundings = newUser(server.knownHostLine(), { key: null });
      makeKey(join(surroundings.home, ".ssh/id_ed25519"));
      expect(await failure(address(), surroundings)).toMatchObject({
        code: "STORAGE_CREDENTIALS_REFUSED",
        transient: false,
        message: expect.stringContaining(`${sshUser}@127.0.0.1 by key file`),
      });
    });

    test("nobody without any key", async () => {
      expect(await failure(address(), newUser(server.knownHostLine(), { key: null }))).toMatchObject({
        code: "STORAGE_NO_CREDENTIALS",
      });
    });
  });

  describe("is reached", () => {
    test("under the name that ssh's configuration gives it", async () => {
      const surroundings = newUser(server.knownHostLine(), { key: "special" });
      writeFileSync(
        join(surroundings.home, ".ssh/config"),
        `Host vault\n  HostName 127.0.0.1\n  Port ${server.port}\n  User ${sshUser}\n  IdentityFile ~/.ssh/special\n`,
      );
      expect(await tryOut(`sftp:vault:${server.root}/x`, surroundings)).toBeUndefined();
    });

    test("through jump hosts, each of which must be trusted", async () => {
      const [first, second] = await Promise.all([SshServer.start(), SshServer.start()]);
      try {
        const surroundings = newUser(server.knownHostLine() + first.knownHostLine() + second.knownHostLine());
        for (const jump of [first, second]) jump.admit(`${server.clientKey}.pub`);
        const text = `Host far\n  HostName 127.0.0.1\n  Port ${server.port}\n  ProxyJump ${sshUser}@127.0.0.1:${first.port},127.0.0.1:${second.port}\n`;
        writeFileSync(join(surroundings.home, ".ssh/config"), text);
        expect(await tryOut(`sftp:far:${server.root}/x`, surroundings)).toBeUndefined();
        for (const jump of [first, second]) {
          const log = readFileSync(join(jump.folder, "sshd.log"), "utf8");
          expect(log).toContain("Accepted publickey");
        }
        writeFileSync(join(surroundings.home, ".ssh/known_hosts"), server.knownHostLine() + first.knownHostLine());
        expect(await failure(`sftp:far:${server.root}/x`, surroundings)).toMatchObject({
          code: "STORAGE_UNTRUSTED",
          message: expect.stringContaining("jump host 127.0.0.1"),
        });
      } finally {
        await Promise.all([first.stop(), second.stop()]);
      }
    });

    test("not at a port where nothing listens, which may pass", async () => {
      const port = await freePort();
      expect(await failure(server.url("/x", port), server.surroundings())).toMatchObject({
        code: "STORAGE_UNAVAILABLE",
        transient: true,
        message: expect.stringContaining("nothing listens"),
      });
    });

    test("not where something else answers, or nothing does in time", async () => {
      const other = createServer(
        (socket) => void socket.end("220 mail.example ESMTP\r\n".repeat(100)).on("error", () => {}),
      );
      const silent = createServer((socket) => void socket.on("error", () => {}));
      for (const listener of [other, silent])
        await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
      try {
        const portOf = (listener: typeof other): number => (listener.address() as { port: number }).port;
        const surroundings = newUser(server.knownHostLine());
        writeFileSync(join(surroundings.home, ".ssh/config"), "ConnectTimeout 1\n");
        for (const listener of [other, silent]) {
          expect(await failure(server.url("/x", portOf(listener)), surroundings)).toMatchObject({
            code: "STORAGE_UNAVAILABLE",
          });
        }
      } finally {
        other.close();
        silent.close();
      }
    });

    test("not under a name that does not exist, which does not pass", async () => {
      expect(await failure("sftp:no-such-host.invalid:/x", server.surroundings())).toMatchObject({
        code: expect.stringMatching(/^STORAGE_(NO_PLACE|UNAVAILABLE)$/),
      });
    });

    test("by the system's ssh, with its own options", async () => {
      const folder = await mkdtemp(join(server.folder, "args-"));
      const args = `-i '${server.clientKey}' -o UserKnownHostsFile=${server.knownHosts} -o BatchMode=yes -F none`;
      const surroundings = server.surroundings({ "sftp.args": args });
      expect(await tryOut(server.url(folder), surroundings)).toBeUndefined();
      const untrusting = server.surroundings({ "sftp.args": args.replace(server.knownHosts, "/dev/null") });
      expect(await failure(server.url(folder), untrusting)).toMatchObject({ code: "STORAGE_UNTRUSTED" });
      const keyless = server.surroundings({
        "sftp.args": args.replace(server.clientKey, "/no/key -o IdentityAgent=none"),
      });
      expect(await failure(server.url(folder), keyless)).toMatchObject({ code: "STORAGE_CREDENTIALS_REFUSED" });
      await rm(folder, { recursive: true });
    });

    test("not by a program that is not there", async () => {
      expect(await failure("sftp:host:/x", server.surroundings({ "sftp.command": "/no/such/program" }))).toMatchObject({
        code: "STORAGE_FAILED",
        message: expect.stringContaining("cannot be run"),
      });
    });
  });
});
