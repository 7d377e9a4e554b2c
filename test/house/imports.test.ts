// The import gate can fail: one seeded violation for each rule. And it sees all of this repository.
import { describe, expect, test } from "vitest";
import { checkImports } from "../../scripts/check-imports.ts";
import { ownFiles, root } from "../../scripts/workspace.ts";
import { manifest, seededRepository, type SeededFiles } from "./seeded-repository.ts";

const ENGINE_FILE = "packages/engine/src/format/seeded.ts";

interface Violation {
  readonly rule: string;
  readonly files: SeededFiles;
  readonly problem: string;
}

/** A violation by one line in a file of the engine's format folder. */
function inEngine(rule: string, text: string, problem: string): Violation {
  return { rule, files: { [ENGINE_FILE]: `${text}\n` }, problem: `${ENGINE_FILE}:1: ${problem}` };
}

const violations: readonly Violation[] = [
  {
    rule: "a lower package imports a higher one",
    files: { "packages/storage/src/seeded.ts": 'import { open } from "@holdfast/engine";\nexport const x = open;\n' },
    problem:
      "packages/storage/src/seeded.ts:1: @holdfast/storage may not import @holdfast/engine: imports point the other way",
  },
  {
    rule: "a lower package imports only a type of a higher one",
    files: { "packages/storage/src/seeded.ts": '\nexport type X = import("@holdfast/engine").X;\n' },
    problem:
      "packages/storage/src/seeded.ts:2: @holdfast/storage may not import @holdfast/engine: imports point the other way",
  },
  {
    rule: "a package imports a sibling that it does not declare",
    files: { "packages/cli/src/seeded.ts": 'import "@holdfast/storage";\n' },
    problem: "packages/cli/src/seeded.ts:1: '@holdfast/storage' is not declared in package.json",
  },
  {
    rule: "a package reaches into another by a path",
    files: { "packages/cli/src/seeded.ts": 'export * from "../../engine/src/format/id.ts";\n' },
    problem: "packages/cli/src/seeded.ts:1: '../../engine/src/format/id.ts' leaves @holdfast/cli: import by name",
  },
  {
    rule: "a package reaches into another past its entries",
    files: { "packages/cli/src/seeded.ts": 'void import("@holdfast/engine/src/format/id.ts");\n' },
    problem: "packages/cli/src/seeded.ts:1: '@holdfast/engine/src/format/id.ts' is not an entry of @holdfast/engine",
  },
  {
    rule: "a script reaches into a package by a path",
    files: { "scripts/seeded.ts": 'import "../packages/engine/src/format/id.ts";\n' },
    problem: "scripts/seeded.ts:1: '../packages/engine/src/format/id.ts' reaches into a package: import it by its name",
  },
  {
    rule: "product code imports test code of another package",
    files: { "packages/engine/src/format/seeded.ts": 'import "@holdfast/storage/testing";\n' },
    problem: "packages/engine/src/format/seeded.ts:1: '@holdfast/storage/testing' is test code",
  },
  {
    rule: "imports go round in a circle",
    files: {
      "packages/storage/src/a.ts": 'import { b } from "./b.ts";\nexport const a = b;\n',
      "packages/storage/src/b.ts": 'import { a } from "./a.ts";\nexport const b = a;\n',
    },
    problem: "import cycle: packages/storage/src/a.ts -> packages/storage/src/b.ts -> packages/storage/src/a.ts",
  },
  {
    rule: "a folder has no layer",
    files: { "packages/engine/src/attic/seeded.ts": 'import "../format/id.ts";\n' },
    problem: "packages/engine/src/attic/seeded.ts:1: 'attic' has no layer: give it one in scripts/import-rules.ts",
  },
  {
    rule: "a package has no module at all",
    files: {
      "package.json": { workspaces: ["packages/storage", "packages/engine", "packages/cli", "packages/empty"] },
      "packages/empty/package.json": manifest("@holdfast/empty", {}, []),
      "packages/storage/src/testing/index.ts": "export const suite = 1;\n",
    },
    problem: "@holdfast/empty: no module was found",
  },
  inEngine(
    "the format imports a layer above",
    'import "../repository/open.ts";',
    "format may not import repository: it is a layer above",
  ),
  inEngine(
    "the format imports a type of a layer above",
    'import type { O } from "../repository/open.ts";',
    "format may not import repository: it is a layer above",
  ),
  inEngine(
    "a re-export of a layer above",
    'export { open } from "../repository/open.ts";',
    "format may not import repository: it is a layer above",
  ),
  inEngine("an undeclared package", 'import "vite";', "'vite' is not declared in package.json"),
  inEngine("a development dependency in product code", 'import "vitest";', "'vitest' is not declared in package.json"),
  inEngine("a builtin without its prefix", 'import "fs";', "'fs' is written 'node:fs'"),
  inEngine("a confined builtin", 'import "node:ffi";', "only packages/engine/src/platform/ may import node:ffi"),
  inEngine("a file that does not exist", 'import "./nowhere.ts";', "'./nowhere.ts' does not exist"),
  inEngine("the package's own index", 'import "../index.ts";', "a package does not import its own index.ts"),
  inEngine("the package's own name", 'import "@holdfast/engine";', "a package does not import itself by name"),
  inEngine(
    "a computed import",
    "void import(globalThis.name);",
    "a computed import cannot be checked: name the module",
  ),
  inEngine(
    "a URL of a source file",
    'export const x = new URL("./id.ts", import.meta.url);',
    "'./id.ts' is not there in a build or not in the source: use workerEntry",
  ),
];

describe("the import gate", () => {
  test("passes a sound repository", () => {
    const { modules, imports, problems } = checkImports(seededRepository());
    expect(problems).toEqual([]);
    expect({ modules, imports }).toEqual({ modules: 7, imports: 6 });
  });

  test.for(violations)("finds: $rule", ({ files, problem }) => {
    expect(checkImports(seededRepository(files)).problems).toEqual([problem]);
  });

  test("finds test code that product code imports by a path", () => {
    const files = {
      "packages/engine/src/format/id.test.ts": 'import "./id.ts";\n',
      [ENGINE_FILE]: 'import "./id.test.ts";\n',
    };
    expect(checkImports(seededRepository(files)).problems).toEqual([`${ENGINE_FILE}:1: './id.test.ts' is test code`]);
  });

  test("lets tests use development dependencies and the testing entries", () => {
    const files = {
      "packages/engine/src/format/id.test.ts":
        'import "vitest";\nimport "@holdfast/storage/testing";\nimport "node:ffi";\n',
    };
    expect(checkImports(seededRepository(files)).problems).toEqual([]);
  });

  test("sees every module of this repository", () => {
    const { modules, imports } = checkImports(root);
    expect(modules).toBeGreaterThanOrEqual(
      ownFiles(root, "packages/*/src/**/*.ts").filter((path) => !path.includes("/assembly/")).length,
    );
    expect(modules).toBeGreaterThan(60);
    expect(imports).toBeGreaterThan(modules);
  });
});
