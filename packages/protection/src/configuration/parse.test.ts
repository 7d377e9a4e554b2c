import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { isHoldfastError } from "@holdfast/base";
import { parseConfiguration } from "./parse.ts";
import { configurationJsonSchema } from "./schema.ts";

const parse = (text: string) => parseConfiguration(text, "/etc/holdfast.yaml");

const problemsOf = (text: string): string[] => {
  try {
    parse(text);
  } catch (error) {
    if (!isHoldfastError(error, "PROTECTION_CONFIG_INVALID")) throw error;
    return String(error.details["problems"]).split("\n");
  }
  return [];
};

describe("a configuration", () => {
  test("is completed with defaults, and its sources checked by their kinds", () => {
    const { repositories, sources } = parse(`
version: 1
repositories:
  main:
    location: /srv/backup
    password: { file: /etc/holdfast/password }
sources:
  shop:
    kind: command
    capture: [pg_dump, shop]
    time-limit: 2h
    minimum-size: 10k
    repositories: [main]
`);
    expect(repositories.get("main")).toEqual({
      location: "/srv/backup",
      password: { file: "/etc/holdfast/password" },
      options: {},
      variables: {},
    });
    expect(sources.get("shop")).toMatchObject({
      name: "shop",
      kind: "command",
      tags: [],
      settings: { capture: ["pg_dump", "shop"], "time-limit": 7_200_000, "minimum-size": 10_240, output: "output" },
    });
  });

  test("may have nothing but its version", () => {
    expect(parse("version: 1\n")).toMatchObject({ repositories: new Map(), sources: new Map() });
  });

  test.for<[text: string, problem: RegExp]>([
    ["", /^\/etc\/holdfast\.yaml:1:1: version: it is missing$/],
    ["version: 2", /:1:1: version: /],
    ["version: 1\nsource: {}", /:2:1: source: there is no such setting$/],
    ["version: 1\nsources:\n  a:\n    kind: postgress", /:4:5: sources\.a\.kind: /],
    ["version: 1\nsources:\n  a:\n    capture: [x]", /:3:3: sources\.a\.kind: it is missing$/],
    [
      "version: 1\nsources:\n  a:\n    kind: command\n    captur: [x]\n    folder: /x",
      /:5:5: sources\.a\.captur: there is no such/,
    ],
    ["version: 1\nsources:\n  a:\n    kind: command", /:3:3: sources\.a: give `capture`, `folder` or both/],
    ["version: 1\nsources:\n  a:\n    kind: command\n    capture: pg_dump", /:5:5: sources\.a\.capture: /],
    ["version: 1\nsources:\n  a:\n    kind: command\n    folder: x", /:5:5: sources\.a\.folder: give an absolute path/],
    [
      "version: 1\nsources:\n  a:\n    kind: command\n    folder: /x\n    time-limit: 90",
      /:6:5: sources\.a\.time-limit: /,
    ],
    ["version: 1\nsources:\n  A b:\n    kind: command\n    folder: /x", /:3:3: sources\.A b: /],
    [
      "version: 1\nsources:\n  a:\n    kind: command\n    folder: /x\n    repositories: [main]",
      /:6:20: .*no repository 'main'/,
    ],
    [
      "version: 1\nrepositories:\n  m:\n    location: /x\n    password: secret",
      /:5:5: repositories\.m\.password: a secret is not written here/,
    ],
    ["version: 1\nversion: 1", /:2:1: Map keys must be unique/],
    ["version: [1", /:1:\d+: /],
    ["a: &a [x]\nb: *c", /:1:1: Unresolved alias/i],
  ])("%j is refused with its place", ([text, problem]) => {
    const problems = problemsOf(text);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).toMatch(new RegExp(problem.source, "m"));
  });

  test("all that is wrong is said at once", () => {
    expect(problemsOf("version: 3\nfoo: 1\nrepositories:\n  m: {}")).toHaveLength(4);
  });

  test("that multiplies itself is refused", () => {
    const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let n = 1; n < 12; n++)
      bomb.push(
        `a${n}: &a${n} [${Array(9)
          .fill(`*a${n - 1}`)
          .join(", ")}]`,
      );
    expect(problemsOf(bomb.join("\n")).join()).toMatch(/alias/i);
  });

  test("whatever stands in it, is refused in words or accepted", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        problemsOf(text);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(problemsOf(text).length).toBeGreaterThan(0);
      }),
    );
  });

  test("a secret that was written into it does not stand in the error", () => {
    const problems = problemsOf("version: 1\nrepositories:\n  m:\n    location: /x\n    password: hunter2");
    expect(problems.join()).not.toContain("hunter2");
  });
});

test("the JSON Schema has every kind with its settings", () => {
  const text = JSON.stringify(configurationJsonSchema());
  for (const word of ['"const":"command"', '"time-limit"', '"location"']) expect(text).toContain(word);
});
