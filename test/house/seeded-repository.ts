// A small repository in a temporary folder, in which a test plants a violation to see that a gate finds it.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { root } from "../../scripts/workspace.ts";

/** Files by their path; objects are written as JSON. */
export type SeededFiles = Readonly<Record<string, string | object>>;

/** Three packages that pass every gate: storage <- engine <- cli. */
const SOUND: SeededFiles = {
  "package.json": {
    name: "seeded",
    private: true,
    type: "module",
    workspaces: ["packages/storage", "packages/engine", "packages/cli"],
    devDependencies: { vitest: "1.0.0" },
  },
  "packages/storage/package.json": manifest("@holdfast/storage", {}, [".", "./testing"]),
  "packages/storage/src/index.ts": 'export { place } from "./place.ts";\n',
  "packages/storage/src/place.ts": 'export const place = "here";\n',
  "packages/storage/src/testing/index.ts": 'import { test } from "vitest";\nexport const suite = test;\n',
  "packages/engine/package.json": manifest("@holdfast/engine", { "@holdfast/storage": "1.0.0" }, ["."]),
  "packages/engine/src/index.ts": 'export { open } from "./repository/open.ts";\n',
  "packages/engine/src/repository/open.ts":
    'import { place } from "@holdfast/storage";\nimport { id } from "../format/id.ts";\nexport const open = (): string => place + id;\n',
  "packages/engine/src/format/id.ts": 'export const id = "1";\n',
  "packages/cli/package.json": manifest("@holdfast/cli", { "@holdfast/engine": "1.0.0" }, []),
  "packages/cli/src/main.ts": 'import { open } from "@holdfast/engine";\nexport const main = open;\n',
};

/** Makes the sound repository with `files` added or replaced. It is removed after the test. */
export function seededRepository(files: SeededFiles = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-house-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  for (const [path, content] of Object.entries({ ...SOUND, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

/** Gives a seeded repository our installed packages and some of our own configuration files. */
export function withOurTools(folder: string, configurations: readonly string[]): void {
  const installed = join(root, "node_modules");
  mkdirSync(join(folder, "node_modules/@holdfast"), { recursive: true });
  for (const name of readdirSync(installed)) {
    if (name !== "@holdfast") symlinkSync(join(installed, name), join(folder, "node_modules", name));
  }
  for (const name of readdirSync(join(folder, "packages"))) {
    symlinkSync(join(folder, "packages", name), join(folder, "node_modules/@holdfast", name));
  }
  for (const name of configurations) cpSync(join(root, name), join(folder, name));
}

/** A package.json whose entries lead to `src`. */
export function manifest(
  name: string,
  dependencies: Readonly<Record<string, string>>,
  entries: readonly string[],
): object {
  const exports = Object.fromEntries(
    entries.map((entry) => [entry, `./src/${entry === "." ? "" : `${entry.slice(2)}/`}index.ts`]),
  );
  return { name, version: "1.0.0", type: "module", exports, dependencies };
}
