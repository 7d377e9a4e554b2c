/** Holdfast and restic work on one repository on an SFTP server, each in its own way to connect. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SshServer, hasSshServer, sshUser } from "@holdfast/storage/testing";
import { makeOddTree } from "./odd-tree.ts";
import { type Outcome, differences, has, holdfast, restic, succeed } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");
let server: SshServer;

describe.skipIf(!hasSshServer() || !has("restic") || !has("rsync"))(
  "a repository by SFTP",
  { timeout: 120_000 },
  () => {
    beforeAll(async () => {
      mkdirSync(source);
      makeOddTree(source);
      server = await SshServer.start();
    });

    afterAll(() => server.stop());

    const programs = {
      holdfast: (args: readonly string[]): Outcome =>
        holdfast(server.url(join(server.root, "repository")), args, { env: { HOME: server.home, SSH_AUTH_SOCK: "" } }),
      restic: (args: readonly string[]): Outcome => {
        const ssh = `ssh -F none -p ${server.port} -i ${server.clientKey} -o UserKnownHostsFile=${server.knownHosts} ${sshUser}@127.0.0.1 -s sftp`;
        return restic(`sftp:${sshUser}@127.0.0.1:${join(server.root, "repository")}`, [
          "-o",
          `sftp.command=${ssh}`,
          ...args,
        ]);
      },
    };

    test("is made by Holdfast; restic checks what Holdfast has stored, and the other way round, and each restores it", () => {
      succeed(programs.holdfast(["init"]));
      for (const [writer, reader] of [
        ["holdfast", "restic"],
        ["restic", "holdfast"],
      ] as const) {
        writeFileSync(join(source, `by ${writer}`), writer);
        succeed(programs[writer](["backup", source]));
        succeed(programs[reader](["check", "--read-data"]));
        const target = join(folder, `restored by ${reader}`);
        succeed(programs[reader](["restore", "latest", "--target", target]));
        expect(differences(source, join(target, source))).toBe("");
      }
      succeed(programs.holdfast(["forget", "--keep-last", "1", "--keep-at-least", "0", "--min-age", "0"]));
      succeed(programs.holdfast(["prune"]));
      succeed(programs.restic(["check", "--read-data"]));
    });
  },
);
