/** Holdfast and restic on the same repository behind servers. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningServer, startServer } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeOddTree } from "./odd-tree.ts";
import { differences, has, holdfast, restic, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder("/var/tmp");
const source = join(folder, "source");
const env = { RCLONE_CONFIG: "/dev/null" };

beforeAll(() => {
  mkdirSync(source);
  makeOddTree(source);
  writeFileSync(join(source, "large"), Buffer.alloc(3_000_000, "some text that repeats itself, and then some more. "));
});

function rclone(kind: "restic" | "webdav"): Promise<RunningServer> {
  return startServer({
    program: "rclone",
    args: ({ port, folder: own }) => ["serve", kind, join(own, "data"), "--addr", `127.0.0.1:${port}`],
    env: { ...env, RCLONE_USER: "anna", RCLONE_PASS: "geheim" },
    async prepare({ folder: own }) {
      mkdirSync(join(own, "data"));
    },
  });
}

describe.skipIf(!has("rclone") || !has("restic") || !has("rsync"))("a repository", { timeout: 120_000 }, () => {
  let rest: RunningServer;
  let webdav: RunningServer;

  beforeAll(async () => {
    rest = await rclone("restic");
    webdav = await rclone("webdav");
  });
  afterAll(async () => {
    await rest.stop();
    await webdav.stop();
  });

  /** Each program goes on from the other's snapshot, checks all data, and restores what the other stored. */
  function useByBoth(ours: string, theirs: string): void {
    succeed(holdfast(ours, ["backup", source], { env }));
    succeed(restic(theirs, ["check", "--read-data"], { env }));
    const second = JSON.parse(
      succeed(restic(theirs, ["backup", "--json", source], { env }))
        .trim()
        .split("\n")
        .at(-1) ?? "",
    );
    expect(second).toMatchObject({ message_type: "summary", data_added: expect.any(Number), files_new: 0 });
    succeed(holdfast(ours, ["check", "--read-data"], { env }));
    for (const [at, program, place] of [[1, holdfast, ours] as const, [2, restic, theirs] as const]) {
      const target = join(folder, `restored${at}`);
      succeed(program(place, ["restore", "latest", "--target", target], { env }));
      expect(differences(source, join(target, source))).toBe("");
      rmSync(target, { recursive: true });
    }
  }

  test("behind restic's protocol is used by both", () => {
    makeQuickRepository(join(rest.folder, "data", "quick"));
    const place = `rest:http://anna:geheim@127.0.0.1:${rest.port}/quick/`;
    useByBoth(place, place);
  });

  test("behind rclone is used by both", () => {
    makeQuickRepository(join(folder, "by-rclone"));
    const place = `rclone::local:${folder}/by-rclone`;
    useByBoth(place, place);
  });

  test("on a WebDAV server is used by both, by restic as the folder that it is there", () => {
    const stored = join(webdav.folder, "data", "quick");
    makeQuickRepository(stored);
    useByBoth(`webdav:http://anna:geheim@127.0.0.1:${webdav.port}/quick`, stored);
  });

  test("is made on a WebDAV server, folder and all", () => {
    const place = `webdav:http://anna:geheim@127.0.0.1:${webdav.port}/new/folder`;
    succeed(holdfast(place, ["init"], { env }));
    succeed(holdfast(place, ["backup", source], { env }));
    succeed(restic(join(webdav.folder, "data/new/folder"), ["check", "--read-data"], { env }));
  });

  test("that Holdfast makes behind a server is forgotten in and pruned, and can be brought back from", () => {
    const place = `rest:http://127.0.0.1:${rest.port}/made/`;
    const login = { ...env, HOLDFAST_REST_USERNAME: "anna", HOLDFAST_REST_PASSWORD: "geheim" };
    const own = (...args: string[]): string => succeed(holdfast(place, args, { env: login }));
    own("init");
    own("backup", source);
    own("backup", source);
    const first = (JSON.parse(own("snapshots", "--json")) as { id: string }[])[0]?.id ?? "";
    own("forget", "--min-age", "0", "--keep-at-least", "0", first);
    expect(own("snapshots", "--json")).not.toContain(`"id":"${first}"`);
    own("prune");
    own("unforget", first);
    own("check", "--read-data");
    expect(own("snapshots", "--json")).toContain(`"id":"${first}"`);
    succeed(restic(`rest:http://anna:geheim@127.0.0.1:${rest.port}/made/`, ["check"]));
  });

  test("is not opened with a wrong login, which no message repeats", () => {
    const { status, stderr } = holdfast(`rest:http://anna:falsch@127.0.0.1:${rest.port}/quick/`, ["snapshots"], {
      env,
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain("refused");
    expect(stderr).not.toContain("falsch");
  });

  test("that cannot be reached ends the run, and nothing keeps it alive", () => {
    const started = performance.now();
    const { status, stderr } = holdfast(`rest:http+unix://${folder}/nowhere:/x/`, ["snapshots"], { env });
    expect(status).not.toBe(0);
    expect(stderr).toContain("the socket does not exist");
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});
