/**
 * The kind `mongodb`. No server of it can be had for tests: scripts stand in for MongoDB's programs, and show only what they are given
 * and what is made of what they say. Nothing here proves that a real server is captured.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { mongodbKind } from "../../src/mongodb/mongodb-kind.ts";
import { wholeArchive } from "../../src/mongodb/whole-archive.ts";
import { type LabCapture, SourceLab } from "../../src/testing/index.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "mongodb", name: "shop" };
const MAGIC = [0x6d, 0xe2, 0x99, 0x81];
const END = [0xff, 0xff, 0xff, 0xff];

describe("an archive of mongodump", () => {
  const broken = (reason: string): Error => new Error(reason);
  const through = async (...pieces: number[][]): Promise<number[]> => {
    async function* content(): AsyncGenerator<Uint8Array> {
      for (const piece of pieces) yield Uint8Array.from(piece);
    }
    return (await Array.fromAsync(wholeArchive(content(), broken))).flatMap((piece) => [...piece]);
  };

  test("passes as it is, however it is cut", async () => {
    const bytes = [...MAGIC, 1, 2, 3, ...END];
    expect(await through(bytes)).toEqual(bytes);
    expect(await through(...bytes.map((byte) => [byte]))).toEqual(bytes);
    expect(await through(bytes.slice(0, 6), [], bytes.slice(6))).toEqual(bytes);
  });

  test.for<[string, number[][], string]>([
    ["nothing", [], "cut off"],
    ["half a beginning", [MAGIC.slice(0, 2)], "cut off"],
    ["something else", [[0x50, 0x4b, 3, 4, ...END]], "no archive"],
    ["no end", [[...MAGIC, 1, 2, 3]], "cut off"],
    ["an end that is not the last", [[...MAGIC, ...END, 1]], "cut off"],
  ])("with %s is none", async ([, pieces, reason]) => {
    await expect(through(...pieces)).rejects.toThrow(reason);
  });
});

describe("a source of kind mongodb, with scripts in the place of MongoDB's programs", () => {
  let lab: SourceLab;
  let tools: string;
  let told: string;
  beforeAll(async () => {
    lab = await SourceLab.open();
    lab.secrets.set("MONGO", "s3cret/pass");
  });
  beforeEach(() => {
    tools = lab.newFolder();
    told = lab.newFolder();
    tool("mongodump", `printf '\\x6d\\xe2\\x99\\x81%0300d\\xff\\xff\\xff\\xff' 7`);
    tool("mongorestore", `cat > "${told}/restored"`);
    shell({ setName: '"rs0"', collections: '{"shop.orders":3}' });
  });
  afterAll(() => lab.remove());

  /** A script that notes its arguments, and the file that it was given. */
  function tool(name: string, work: string): void {
    const path = join(tools, name);
    const note = `#!/bin/bash
if [ "$1" = --version ]; then echo "${name} version: 100.9.4"; exit; fi
printf '%s\\n' "$@" > "${told}/${name}.args"
file=$(printf '%s\\n' "$@" | sed -n 's/^--config=//p; /\\.js$/p')
stat -c %a "$file" > "${told}/${name}.mode"; cat "$file" > "${told}/${name}.file"
`;
    writeFileSync(path, note + work);
    chmodSync(path, 0o755);
  }
  function shell({ setName, collections }: { setName: string; collections: string }): void {
    const hello = `{"version":"7.0.5","setName":${setName},"isMongos":false}`.replace('"setName":null,', "");
    tool(
      "mongosh",
      `echo "a warning"; if grep -q 'db.hello()' "$file"; then echo 'holdfast-answer:${hello}'; else echo 'holdfast-answer:${collections}'; fi`,
    );
  }
  const open = (settings: Record<string, unknown> = {}) =>
    mongodbKind.open(
      "shop",
      mongodbKind.settings.parse({ experimental: true, tools, ...settings }),
      lab.surroundings(),
    );
  const capture = (settings: Record<string, unknown> = {}): Promise<LabCapture> =>
    lab.capture(open(settings), identity);
  const noted = (name: string): string => readFileSync(join(told, name), "utf8");

  test("is captured with its oplog, and gives away no password", async () => {
    const { warnings } = await capture({ user: "back:up", password: { env: "MONGO" } });
    expect(warnings).toEqual([]);
    const { facts } = await lab.captured();
    expect(facts).toMatchObject({
      consistency: "application",
      server: { product: "MongoDB", version: "7.0.5" },
      tools: { mongodump: "100.9.4" },
      detail: { oplog: true, collections: { "shop.orders": 3 }, "replica-set": "rs0" },
    });
    expect(noted("mongodump.args")).toMatch(/^--config=\S+\n--archive\n--oplog\n$/);
    expect(noted("mongodump.file")).toContain("mongodb://back%3Aup:s3cret%2Fpass@127.0.0.1:27017/?");
    for (const name of ["mongodump", "mongosh"]) {
      expect(noted(`${name}.args`)).not.toContain("s3cret");
      expect(noted(`${name}.mode`).trim()).toBe("600");
    }
    tool("mongodump", 'echo "error parsing uri: $(cat "$file")" >&2; exit 1');
    const failing = capture({ user: "back:up", password: { env: "MONGO" } });
    await expect(failing).rejects.toThrow("back%3Aup:***@127.0.0.1");
  });

  test("must be meant: its settings say that it is an experiment", () => {
    expect(() => mongodbKind.settings.parse({ tools })).toThrow("was never run against a server");
  });

  test("that is in no replica set must say that it is captured without an oplog", async () => {
    shell({ setName: "null", collections: "{}" });
    await expect(capture()).rejects.toMatchObject({ code: "SOURCES_SETTINGS" });
    const { warnings } = await capture({ oplog: false });
    expect(warnings.map(({ code }) => code)).toEqual(["not-one-moment"]);
    expect((await lab.captured()).facts.consistency).toBe("none");
    expect(noted("mongodump.args")).not.toContain("--oplog");
  });

  test("whose dump is cut off, too small, or fails makes no snapshot", async () => {
    const count = await lab.snapshotCount();
    tool("mongodump", `printf '\\x6d\\xe2\\x99\\x81%0300d' 7`);
    await expect(capture()).rejects.toThrow("cut off");
    tool("mongodump", `printf '\\x6d\\xe2\\x99\\x81\\xff\\xff\\xff\\xff'`);
    await expect(capture()).rejects.toMatchObject({ code: "SOURCES_EMPTY" });
    tool("mongodump", `echo "Failed: error connecting: Authentication failed." >&2; exit 1`);
    await expect(capture()).rejects.toMatchObject({ code: "SOURCES_CREDENTIALS" });
    tool("mongodump", `echo "server selection error: server selection timeout" >&2; exit 1`);
    await expect(capture()).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
    expect(await lab.snapshotCount()).toBe(count);
  });

  test("is restored only where its collections are not, unless they may be replaced", async () => {
    await capture();
    const captured = await lab.captured();
    const restore = (overwrite: boolean) => open().restore(captured, { ...silent, overwrite, signal: never });
    await expect(restore(false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    expect(existsSync(join(told, "mongorestore.args"))).toBe(false);
    await restore(true);
    expect(noted("mongorestore.args")).toMatch(/\n--archive\n--oplogReplay\n--drop\n$/);
    shell({ setName: '"rs0"', collections: '{"other.things":1}' });
    await restore(false);
    expect(noted("mongorestore.args")).not.toContain("--drop");
    expect(readFileSync(join(told, "restored")).subarray(0, 4)).toEqual(Buffer.from(MAGIC));
    const folder = join(lab.newFolder(), "files");
    mkdirSync(folder);
    await open().restore(captured, { ...silent, form: "folder", folder, signal: never });
    expect(readdirSync(folder).sort()).toEqual(["capture.json", "dump.archive"]);
  });

  test("is not proven where there is no server to start", async () => {
    await capture();
    const proof = open({ "server-binaries": "/nowhere" }).prove(await lab.captured(), {
      ...silent,
      scratch: lab.newFolder(),
      signal: never,
    });
    await expect(proof).rejects.toMatchObject({ code: "SOURCES_TOOL_MISSING" });
  });
});
