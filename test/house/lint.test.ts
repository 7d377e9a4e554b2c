// The gates that are other people's programs can fail with our configuration, above all those rules that need types: a linter
// that finds no type information, or an unused-code check that finds no files, would pass everything.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../scripts/workspace.ts";
import { seededRepository, withOurTools, type SeededFiles } from "./seeded-repository.ts";

interface Result {
  readonly status: number | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], files: SeededFiles, configurations: readonly string[]): Result {
  const folder = seededRepository(files);
  withOurTools(folder, configurations);
  const result = spawnSync(join(root, "node_modules/.bin", program), args, { cwd: folder, encoding: "utf8" });
  return { status: result.status, output: result.stdout + result.stderr };
}

function repeated(times: number, line: string): string {
  return `${line}\n`.repeat(times);
}

describe("the lint gate", () => {
  const violations = {
    "no-floating-promises": "export function f(): void {\n  Promise.resolve(1);\n}\n",
    "no-misused-promises": "[1].forEach(async () => {\n  await Promise.resolve();\n});\n",
    "no-explicit-any": "export const f = (x: any): unknown => x;\n",
    "no-default-export": "export default 1;\n",
    "no-console": 'console.log("x");\n',
    "no-process-exit": "process.exit(1);\n",
    "no-process-env": 'export const x = process.env["HOME"];\n',
    "max-lines": `export let x = 1;\n${repeated(400, "x++;")}`,
    "max-lines-per-function": `export function f(x: number): number {\n${repeated(60, "  x++;")}  return x;\n}\n`,
    complexity: `export function f(x: number): number {\n${repeated(20, "  if (x > 1) x++;")}  return x;\n}\n`,
  };
  const tsconfigs = ["tsconfig.json", "tsconfig.base.json"];

  test("finds a seeded violation of each rule, and only those", () => {
    const files = Object.entries(violations).map(([rule, text]) => [`packages/engine/src/format/${rule}.ts`, text]);
    const { status, output } = run("oxlint", ["--format=unix", "packages"], Object.fromEntries(files), [
      ".oxlintrc.jsonc",
      ...tsconfigs,
    ]);
    expect(status).toBe(1);
    const found = output.matchAll(/^packages\/engine\/src\/format\/([\w-]+)\.ts:.*\(([\w-]+)\)\]$/gm);
    const pairs = [...found].map(([, file, rule]) => `${file}: ${rule}`);
    expect(pairs.toSorted()).toEqual(
      Object.keys(violations)
        .map((rule) => `${rule}: ${rule}`)
        .toSorted(),
    );
  });

  test("lets the command line read the environment", () => {
    const files = { "packages/cli/src/seeded.ts": 'export const x = process.env["HOME"];\n' };
    expect(run("oxlint", ["packages"], files, [".oxlintrc.jsonc", ...tsconfigs])).toMatchObject({ status: 0 });
  });
});

describe("the gate for unused code", () => {
  const unused = (files: SeededFiles): Result => run("knip", ["--no-progress"], files, ["knip.jsonc"]);

  test("finds a file that nothing imports", () => {
    const { status, output } = unused({ "packages/engine/src/format/seeded.ts": "export const seeded = 1;\n" });
    expect(status).toBe(1);
    expect(output).toMatch(/Unused files \(1\)\s+packages\/engine\/src\/format\/seeded\.ts/);
  });

  test("finds an export that nothing imports", () => {
    const { status, output } = unused({
      "packages/engine/src/format/id.ts": 'export const id = "1";\nexport const seeded = 1;\n',
    });
    expect(status).toBe(1);
    expect(output).toMatch(/Unused exports \(1\)\s+seeded\s+packages\/engine\/src\/format\/id\.ts/);
  });
});

describe("the format gate", () => {
  test("finds a file that is not formatted", () => {
    const files = { "packages/engine/src/format/seeded.ts": "export const x = 'y'\n" };
    const { status, output } = run("oxfmt", ["--check", "packages"], files, [".oxfmtrc.jsonc"]);
    expect(status).toBe(1);
    expect(output).toContain("packages/engine/src/format/seeded.ts");
  });
});
