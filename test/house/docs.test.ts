// The documents keep up with the code: generated pages, links, and the tests that prove the guarantees. The gates can fail.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkGuarantees } from "../../scripts/check-guarantees.ts";
import { checkLinks } from "../../scripts/check-links.ts";
import { generatedPages } from "../../scripts/generate-docs.ts";
import { cell } from "../../scripts/markdown.ts";
import { root } from "../../scripts/workspace.ts";
import { seededRepository } from "./seeded-repository.ts";

describe("generated pages", () => {
  test("are up to date (else: npm run docs)", async () => {
    const pages = await generatedPages(root);
    expect([...pages.keys()]).toEqual(["docs/cli.md", "docs/configuration.md", "docs/errors.md"]);
    const stored = [...pages.keys()].map((path) => [path, readFileSync(join(root, path), "utf8")] as const);
    expect(new Map(stored)).toEqual(pages);
  });

  test("show text as it is, whatever it holds", () => {
    expect(cell("a|b <c> *d* [e] HOLDFAST_F _g_ `--h <i>`")).toBe(
      "a\\|b \\<c> \\*d\\* \\[e] HOLDFAST_F \\_g\\_ `--h <i>`",
    );
  });
});

describe("the link gate", () => {
  const links = (text: string): readonly string[] =>
    checkLinks(
      seededRepository({ "docs/a.md": text, "docs/b.md": "# Über `b`, [c](a.md) & d\n\n# Twice\n\n# Twice\n" }),
    ).problems;

  test.for([
    "[x](c.md)",
    "![picture](../c.png)",
    "[x]: c.md",
    "[x](b.md#nowhere)",
    "[x](#nowhere)",
    "[x](b.md#twice-2)",
    "[x](b.md) [y](c.md)",
  ])("refuses %s", (text) => {
    expect(links(`# A\n\n${text}\n`)).toHaveLength(1);
  });

  test.for([
    "[x](b.md)",
    "[x](b.md#über-b-c--d)",
    "[x](b.md#twice-1)",
    "[x](#a)",
    "[x](../docs/)",
    "[x](https://example.org/c.md)",
    "`[x](c.md)`",
    "```\n[x](c.md)\n```",
  ])("lets %s pass", (text) => {
    expect(links(`# A\n\n${text}\n`)).toEqual([]);
  });

  test("finds every link of this repository good", () => {
    const report = checkLinks(root);
    expect(report.problems).toEqual([]);
    expect(report.links).toBeGreaterThan(30);
  });
});

describe("the guarantee gate", () => {
  const files = { "packages/storage/src/a.test.ts": "test(`survives ${N} kills, whole`, () => {});\n" };
  const problems = (line: string): readonly string[] =>
    checkGuarantees(seededRepository({ ...files, "docs/guarantees.md": `${line}\n` })).problems;

  test.for([
    '`packages/storage/src/b.test.ts` "survives"',
    '`packages/storage/src/a.test.ts` "survives … whole", "never fails"',
  ])("refuses %s", (line) => {
    expect(problems(line)).toHaveLength(1);
  });

  test("lets a name pass whose parts stand in the source", () => {
    expect(problems('`packages/storage/src/a.test.ts` "survives … kills, whole"')).toEqual([]);
  });

  test("finds every test that the guarantees of this repository name", () => {
    const report = checkGuarantees(root);
    expect(report.problems).toEqual([]);
    expect(report.proofs).toBeGreaterThan(30);
  });
});
