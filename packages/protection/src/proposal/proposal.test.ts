/** Proposed configurations: what stands in them, what is only a comment, and that they can be used. */
import { type Candidate, SOURCE_KINDS } from "@holdfast/sources";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../configuration/parse.ts";
import { proposedConfiguration, proposedSources } from "./proposal.ts";

function candidate(kind: string, path: string, changes: Partial<Candidate> = {}): Candidate {
  return {
    id: `${kind}:${path}`,
    category: "data",
    kind,
    title: "data",
    paths: [path],
    sizeBytes: 1,
    growth: undefined,
    confidence: "likely",
    evidence: "it is there",
    criticality: "important",
    reason: "somebody needs it",
    needs: [],
    settings: { paths: [path] },
    ...changes,
  };
}

const home = (name: string) =>
  candidate("files", `/home/${name}`, {
    category: "home",
    title: `home of ${name}`,
    settings: { paths: [`/home/${name}`], exclude: [".cache"] },
  });
const sqlite = candidate("sqlite", "/srv/a.db", { settings: { path: "/srv/a.db" } });
const all = (_kind: string): boolean => true;
const none = (kind: string): boolean => kind === "command";

const names = (candidates: readonly Candidate[], has = all): string[] =>
  proposedSources(candidates, has).map(({ name }) => name);

describe("a proposed configuration", () => {
  test("can be read as a configuration, and has each source that this build can have", () => {
    const text = proposedConfiguration([sqlite, home("ann"), candidate("files", "/srv/a b/ö")], "db1");
    const { sources } = parseConfiguration(text, "/proposed");
    expect(sources.get("sqlite-srv-a.db")).toMatchObject({ kind: "sqlite", settings: { path: "/srv/a.db" } });
    expect(sources.size).toBe(3);
    expect(text).toContain("# data (important): somebody needs it");
  });

  test("of nothing is a configuration too", () => {
    expect(parseConfiguration(proposedConfiguration([], "db1"), "/p").sources.size).toBe(0);
  });

  test("is not led astray by names that others have chosen", () => {
    const evil = "x\n  evil: { kind: command, capture: [rm] }\u2028 #\u202e";
    const text = proposedConfiguration(
      [
        candidate("sqlite", "/srv/a.db", {
          title: evil,
          reason: evil,
          evidence: evil,
          settings: { path: `/srv/${evil}.db` },
          paths: [`/srv/${evil}.db`],
        }),
      ],
      evil,
    );
    const { sources } = parseConfiguration(text, "/p");
    expect([...sources.values()].map(({ kind, settings }) => [kind, (settings as { path: string }).path])).toEqual([
      ["sqlite", `/srv/${evil}.db`],
    ]);
  });

  test("says it where a path cannot stand in it", () => {
    const [source] = proposedSources([candidate("files", "/srv/\udcff")], all);
    expect(source).toMatchObject({
      isCommentedOut: true,
      comments: expect.arrayContaining([expect.stringContaining("not UTF-8")]),
    });
    expect(parseConfiguration(proposedConfiguration([candidate("files", "/srv/\udcff")], "h"), "/p").sources.size).toBe(
      0,
    );
  });
});

describe("proposed sources", () => {
  test("are what is worth it and not part of something else; what is doubtful is a comment", () => {
    const doubtful = candidate("files", "/data", { criticality: "normal", confidence: "possible" });
    const sources = proposedSources(
      [
        sqlite,
        candidate("files", "/x", { criticality: "replaceable" }),
        candidate("files", "/srv/git", { within: "files:/srv" }),
        doubtful,
        candidate("files", "/data/code", { within: doubtful.id }),
        candidate("files", "/data/other", { within: doubtful.id, criticality: "normal" }),
      ],
      all,
    );
    expect(sources.map(({ name, isCommentedOut }) => [name, isCommentedOut])).toEqual([
      ["sqlite-srv-a.db", false],
      ["files-data", true],
      ["files-data-code", false],
    ]);
  });

  test("of homes are one, where a source can have several folders", () => {
    const homes = [home("ann"), home("bob")];
    expect(proposedSources(homes, all)).toMatchObject([
      { name: "homes", kind: "files", settings: { paths: ["/home/ann", "/home/bob"], exclude: [".cache"] } },
    ]);
    expect(proposedSources(homes, none)).toMatchObject([
      { name: "files-home-ann", kind: "command", settings: { folder: "/home/ann" }, isCommentedOut: false },
      { name: "files-home-bob", kind: "command", settings: { folder: "/home/bob" } },
    ]);
  });

  test("of databases of browsers are those of the home, where that copies databases", () => {
    const browser = candidate("sqlite", "/home/ann/.mozilla/places.sqlite", {
      criticality: "normal",
      settings: { path: "/home/ann/.mozilla/places.sqlite" },
    });
    expect(names([home("ann"), browser])).toEqual(["files-home-ann"]);
    expect(names([home("ann"), { ...browser, criticality: "important" }])).toHaveLength(2);
    expect(names([browser])).toHaveLength(1);
  });

  test("of the system stand for local software and crontabs too, where this build has them", () => {
    const local = ["/usr/local", "/opt", "/var/spool/cron"].map((path) => candidate("files", path));
    const system = candidate("system", "/etc", { settings: {} });
    expect(names([system, ...local, candidate("files", "/srv")])).toEqual(["system", "files-srv"]);
    expect(names([system, ...local], none)).toHaveLength(4);
    expect(names(local)).toHaveLength(3);
  });

  test("of files leave out databases and machines in them, which have sources of their own, and repositories of backups", () => {
    const [source] = proposedSources(
      [
        candidate("files", "/srv"),
        candidate("postgres", "/srv/pg[1]", { settings: {} }),
        candidate("files", "/srv/backup", { category: "backup", criticality: "replaceable", within: "files:/srv" }),
        candidate("files", "/srv/code", { within: "files:/srv" }),
        candidate("postgres", "/var/lib/pg", { settings: {} }),
      ],
      all,
    );
    expect(source?.settings).toEqual({ paths: ["/srv"], exclude: ["/srv/pg\\[1\\]", "/srv/backup"] });
  });

  test.for<[what: string, one: Candidate, expected: object]>([
    [
      "a dump, where there is a program for it",
      candidate("redis", "/r", { command: ["redis-cli", "--rdb", "-"] }),
      { kind: "command", settings: { capture: ["redis-cli", "--rdb", "-"] }, isCommentedOut: false },
    ],
    ["a comment, where a person must say how", candidate("etcd", "/e"), { kind: "command", isCommentedOut: true }],
    [
      "a comment, while the server does not run",
      candidate("redis", "/r", { category: "database", command: ["redis-cli"], isAtRest: true }),
      { isCommentedOut: true },
    ],
    [
      "a folder, where files have no kind",
      candidate("files", "/srv"),
      { kind: "command", settings: { folder: "/srv" }, isCommentedOut: false },
    ],
    [
      "a comment, for a file alone",
      candidate("files", "/vm/x.qcow2", { category: "virtual machine" }),
      { kind: "command", isCommentedOut: true },
    ],
  ])("without a kind of their own are %s", ([, one, expected]) => {
    expect(proposedSources([one], none)).toMatchObject([expected]);
    if (one.kind !== "files")
      expect(proposedSources([one], none)[0]?.comments).toContain(
        `this version has no sources of the kind ${one.kind}`,
      );
  });

  test("say which programs are missing, and what else they need", () => {
    const needs = [
      { what: "tool", detail: "pg_dump", isThere: false, package: "postgresql-client" },
      { what: "tool", detail: "psql", isThere: true },
      { what: "credentials", detail: "a role" },
    ] as const;
    const [source] = proposedSources([candidate("postgres", "/pg", { needs })], all);
    expect(source?.comments.slice(2)).toEqual([
      "needs the program pg_dump (Debian package postgresql-client), which is not installed",
      "needs credentials: a role",
    ]);
  });

  test("have names that are allowed, and each its own", () => {
    expect(
      names([
        candidate("files", "/srv/A B"),
        candidate("files", "/x/srv/a b"),
        candidate("vm", "/d", { title: "Web Server!" }),
        candidate("system", "/etc"),
      ]),
    ).toEqual(["files-srv-a-b", "files-srv-a-b-2", "vm-web-server", "system"]);
    const long = names(["a", "b"].map((name) => candidate("files", `/${"x".repeat(200)}/${name}`)));
    expect(long.map((name) => name.length)).toEqual([64, 64]);
    expect(new Set(long).size).toBe(2);
  });

  test("are never of kinds that this build does not have", () => {
    for (const { kind } of proposedSources([sqlite, candidate("xyz", "/x"), home("ann")]))
      expect(SOURCE_KINDS.has(kind)).toBe(true);
  });
});
