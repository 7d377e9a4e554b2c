/**
 * The small JSON documents: config, key files, locks, snapshots. Whole ones of restic are in
 * `restic-repositories.test.ts`.
 */
import { describe, expect, test } from "vitest";

import { decodeConfig } from "./config.ts";
import { idOf } from "./id.ts";
import { decodeKeyFile } from "./key-file.ts";
import { decodeLockFile, encodeLockFile } from "./lock-file.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";

const ID = idOf(new Uint8Array(0));
const bytesOf = (value: unknown): Uint8Array => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const withCode = (code: string): unknown => expect.objectContaining({ code });

describe("config", () => {
  const good = { version: 2, id: ID, chunker_polynomial: "3abc9bff07d9e5" };

  test("is read, with fields of later programs ignored", () => {
    expect(decodeConfig(bytesOf({ ...good, more: 1 }))).toEqual({
      version: 2,
      id: ID,
      chunkerPolynomial: 0x3abc9bff07d9e5n,
    });
  });

  test.for([0, 3, 100])("version %s is not supported", (version) => {
    expect(() => decodeConfig(bytesOf({ ...good, version }))).toThrow(withCode("ENGINE_VERSION_UNSUPPORTED"));
  });

  test.for([
    "",
    "{",
    "[]",
    "null",
    { ...good, version: "2" },
    { ...good, version: 1.5 },
    { ...good, version: undefined },
    { ...good, id: "x" },
    { ...good, id: undefined },
    { ...good, chunker_polynomial: "" },
    { ...good, chunker_polynomial: "0" },
    { ...good, chunker_polynomial: "xyz" },
    { ...good, chunker_polynomial: "1".repeat(17) },
    { ...good, chunker_polynomial: 5 },
  ])("%j is broken", (value) => {
    expect(() => decodeConfig(bytesOf(value))).toThrow(withCode("ENGINE_CONFIG_BROKEN"));
  });
});

describe("key files", () => {
  const salt = Buffer.alloc(64, 1).toString("base64");
  const good = { created: "", username: "", hostname: "", kdf: "scrypt", N: 32768, r: 8, p: 5, salt, data: salt };

  test("is read", () => {
    expect(decodeKeyFile(bytesOf(good))).toMatchObject({ N: 32768, r: 8, p: 5 });
    expect(decodeKeyFile(bytesOf({ ...good, N: 2 ** 19, p: 20 }))).toMatchObject({ N: 2 ** 19, p: 20 });
  });

  test.for([
    { kdf: "argon2" },
    { kdf: undefined },
    { N: 0 },
    { N: 1 },
    { N: 3 },
    { N: 32767 },
    { N: -32768 },
    { N: 2 ** 20 },
    { N: 2 ** 31 },
    { N: 1e300 },
    { r: 0 },
    { r: 1024 },
    { r: 2 ** 53 },
    { p: 0 },
    { p: 513 },
    { N: 2, r: 1, p: 2 ** 28 },
    { salt: "" },
    { salt: `${salt.slice(0, -4)}AAAA` },
    { salt: salt.replace("A", "!") },
    { data: "AAAA" },
    { data: Buffer.alloc(5000).toString("base64") },
    { username: 5 },
  ])("one with %j is refused before scrypt sees it", (change) => {
    expect(() => decodeKeyFile(bytesOf({ ...good, ...change }))).toThrow(withCode("ENGINE_MALFORMED"));
  });
});

describe("lock files", () => {
  const lock = {
    time: "2020-09-13T12:26:40.5Z",
    timeNs: 1_600_000_000_500_000_000n,
    exclusive: true,
    hostname: "a<b",
    username: "root",
    pid: 7,
    uid: 0,
    gid: 0,
  };

  test("are written as restic does, user 0 and group 0 left out", () => {
    expect(textOf(encodeLockFile(lock))).toBe(
      String.raw`{"time":"2020-09-13T12:26:40.5Z","exclusive":true,"hostname":"a\u003cb","username":"root","pid":7}`,
    );
    expect(textOf(encodeLockFile({ ...lock, uid: 1, gid: 2 }))).toContain(`"pid":7,"uid":1,"gid":2}`);
    expect(decodeLockFile(encodeLockFile({ ...lock, uid: 1, gid: 2 }))).toEqual({ ...lock, uid: 1, gid: 2 });
    expect(decodeLockFile(encodeLockFile({ ...lock, exclusive: false })).exclusive).toBe(false);
  });

  test.for([{ time: "now" }, { time: undefined }, { exclusive: 1 }, { pid: -1 }, { pid: "1" }, { uid: 2 ** 32 }])(
    "one with %j is malformed",
    (change) => {
      const json = { time: lock.time, exclusive: true, hostname: "h", username: "u", pid: 1, ...change };
      expect(() => decodeLockFile(bytesOf(json))).toThrow(withCode("ENGINE_MALFORMED"));
    },
  );
});

describe("snapshots", () => {
  const minimal = { time: "2020-09-13T14:26:40+02:00", tree: ID, paths: ["/a"] };

  test("fields that are absent are empty, and are left out again", () => {
    const snapshot = decodeSnapshot(bytesOf(minimal));
    expect(snapshot).toEqual({
      time: minimal.time,
      timeNs: 1_600_000_000_000_000_000n,
      parent: undefined,
      tree: ID,
      paths: ["/a"],
      hostname: "",
      username: "",
      uid: 0,
      gid: 0,
      excludes: [],
      tags: [],
      original: undefined,
      programVersion: "",
      summary: undefined,
      otherFields: {},
    });
    expect(textOf(encodeSnapshot(snapshot))).toBe(JSON.stringify(minimal));
  });

  test("null stands for absent", () => {
    const nothing = { parent: null, paths: null, excludes: null, tags: null, original: null, summary: null };
    expect(decodeSnapshot(bytesOf({ ...minimal, ...nothing }))).toMatchObject({
      parent: undefined,
      paths: [],
      tags: [],
    });
  });

  test("all fields keep restic's order, and those of other programs survive", () => {
    const json =
      `{"time":"2020-09-13T14:26:40+02:00","parent":"${ID}","tree":"${ID}","paths":["/a","/b"],"hostname":"h",` +
      `"username":"u","uid":1,"gid":2,"excludes":["*.tmp"],"tags":["t"],"original":"${ID}","program_version":"restic 0.18.0",` +
      `"summary":{"backup_start":"2020-09-13T14:26:40+02:00","backup_end":"2020-09-13T14:26:41+02:00","files_new":1,` +
      `"files_changed":2,"files_unmodified":3,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,` +
      `"tree_blobs":8,"data_added":9,"data_added_packed":10,"total_files_processed":11,"total_bytes_processed":12,"command":"x"},` +
      `"label":"weekly","delete":{"at":null}}`;
    expect(textOf(encodeSnapshot(decodeSnapshot(bytesOf(json))))).toBe(json);
  });

  test.for([
    { time: "x" },
    { tree: "x" },
    { tree: null },
    { parent: "latest" },
    { paths: "x" },
    { paths: [1] },
    { uid: -1 },
    { tags: {} },
    { hostname: [] },
    { summary: [] },
    { summary: { files_new: -1 } },
    { summary: { data_added: "1" } },
  ])("one with %j is malformed", (change) => {
    expect(() => decodeSnapshot(bytesOf({ ...minimal, ...change }))).toThrow(withCode("ENGINE_MALFORMED"));
  });

  test("the reason names the document and the field", () => {
    expect(() => decodeSnapshot(bytesOf({ ...minimal, summary: { files_new: -1 } }), "snapshot 12ab")).toThrow(
      /^snapshot 12ab, "summary", is malformed: "files_new" is not a whole number/,
    );
  });
});
