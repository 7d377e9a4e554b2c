/**
 * A restore that loses its first copy at 40 % and finishes from the second, verified. With real servers that are ended, and the
 * command line as it was built.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CephGateway, OWNER, SshServer, hasCeph, hasSshServer, startServer } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PASSWORD, differences, has, holdfast, holdfastCommand, messages, restic, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const MIB = 1024 * 1024;
const folder = scratchFolder();
const source = join(folder, "source");
const origin = join(folder, "origin");
const TOTAL_BYTES = 60 * MIB;

beforeAll(() => {
  mkdirSync(join(source, "small"), { recursive: true });
  for (let n = 0; n < 200; n++) writeFileSync(join(source, "small", `file ${n}`), randomBytes(20 * 1024));
  for (let n = 0; n < 40; n++) writeFileSync(join(source, `middle ${n}`), randomBytes(MIB));
  // Large enough to be under way when the copy is lost.
  writeFileSync(join(source, "large"), randomBytes(TOTAL_BYTES - 40 * MIB - 200 * 20 * 1024));
  makeQuickRepository(origin);
  succeed(holdfast(origin, ["backup", "-q", source]));
});

interface Scene {
  readonly first: string;
  readonly second: string;
  readonly env: Readonly<Record<string, string>>;
  /** Takes the first copy away. */
  lose(): Promise<void>;
}

/** Fills both copies, restores, takes the first away at 40 %, and looks at all that came of it. */
async function expectRescue({ first, second, env, lose }: Scene): Promise<void> {
  for (const copy of [first, second]) succeed(holdfast(copy, ["copy", "-q", "--from-repo", origin], { env }));
  const target = join(folder, `target of ${first.slice(0, first.indexOf(":"))}`);
  const args = ["restore", "latest", "--json", "--verify", "--prefer", "given", "-t", target, "--from-repo", second];
  const command = holdfastCommand(first, [...args, "--limit-download", "8192"]);
  const { child, outcome } = start(...command, { env: { ...env, HOLDFAST_PROGRESS_FPS: "20" } });
  let lostAt = 0;
  let text = "";
  const losing = new Promise<void>((resolve, reject) => {
    child.on("close", () => resolve());
    child.stdout?.on("data", (chunk: string) => {
      text += chunk;
      const done = [...text.matchAll(/"phase":"restoring".*?"percent_done":([\d.]+)/g)].map(([, share]) =>
        Number(share),
      );
      text = text.slice(text.lastIndexOf("\n") + 1);
      const last = Math.max(0, ...done);
      if (lostAt > 0 || last < 0.4) return;
      lostAt = last;
      lose().then(resolve, reject);
    });
  });
  const ended = await outcome;
  await losing;
  expect(lostAt).toBeGreaterThanOrEqual(0.4);
  expect(lostAt).toBeLessThan(0.75);
  const [change] = messages(ended, "copy_changed");
  expect(change?.["to"]).toContain(second.slice(0, 4));
  const [summary] = messages(ended, "summary");
  // Nothing was restored again: every file and every byte once.
  expect(summary).toMatchObject({
    files_updated: 0,
    files_unchanged: 0,
    files_failed: 0,
    bytes_restored: TOTAL_BYTES,
    files_verified: 241,
    copies_changed: 1,
    problems: {},
  });
  if (has("rsync")) expect(differences(source, join(target, source))).toBe("");
}

const PASSWORDS = { HOLDFAST_FROM_PASSWORD: PASSWORD };

describe("a restore that loses its first copy at 40 %", { timeout: 240_000 }, () => {
  test.skipIf(!has("rclone"))("on a REST server finishes from the second in a folder, verified", async () => {
    const server = await startServer({
      program: "rclone",
      args: ({ port, folder: root }) => [
        "serve",
        "restic",
        root,
        "--addr",
        `127.0.0.1:${port}`,
        "--config",
        "/dev/null",
      ],
    });
    const [first, second] = [`rest:http://127.0.0.1:${server.port}/first/`, join(folder, "second")];
    const env = { ...PASSWORDS };
    for (const copy of [first, second]) succeed(holdfast(copy, ["init", "-q"], { env }));
    let isUp = true;
    const lose = async (): Promise<void> => {
      isUp = false;
      await server.stop();
    };
    try {
      await expectRescue({ first, second, env, lose });
    } finally {
      if (isUp) await server.stop();
    }
  });

  describe.skipIf(!hasCeph() || !hasSshServer() || !has("restic"))("in a bucket", () => {
    let gateway: CephGateway;
    let ssh: SshServer;
    beforeAll(async () => {
      gateway = await CephGateway.start();
      ssh = await SshServer.start();
    }, 120_000);
    afterAll(async () => {
      await gateway.stop();
      await ssh.stop();
    });

    test("finishes from the second by SFTP, verified", async () => {
      const env = {
        ...PASSWORDS,
        AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
        AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
        AWS_DEFAULT_REGION: "us-east-1",
        AWS_EC2_METADATA_DISABLED: "true",
        HOME: ssh.home,
        SSH_AUTH_SOCK: "",
      };
      const [first, second] = [`s3:${gateway.url}/bucket/first`, ssh.url(join(ssh.root, "second"))];
      // restic makes the bucket, which is the simplest way to have one.
      succeed(restic(`s3:${gateway.url}/bucket/by-restic`, ["init"], { env }));
      for (const copy of [first, second]) succeed(holdfast(copy, ["init", "-q"], { env }));
      await expectRescue({ first, second, env, lose: () => gateway.stop() });
    });
  });
});
