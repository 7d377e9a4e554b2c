import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readGitRepository } from "./git-repository.ts";

const root = mkdtempSync(join(tmpdir(), "hf-git-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const HASH = "a".repeat(40);

/** Files by their paths; folders come along. */
function make(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

test("references are read in the repository itself, and not behind links that lead out of it", () => {
  const config = '[remote "origin"]\n';
  make({
    "own/.git/config": config,
    "own/.git/refs/heads/main": HASH,
    "own/.git/logs/refs/remotes/origin/main": `${HASH} ${HASH} a\n`,
    "out/refs/heads/main": HASH,
    "out/logs/refs/remotes/origin/main": `${HASH} ${HASH} a\n`,
    "linked/.git/config": config,
    "logs/.git/config": config,
    "logs/.git/refs/heads/main": HASH,
  });
  symlinkSync(join(root, "out/refs"), join(root, "linked/.git/refs"));
  symlinkSync(join(root, "out/logs"), join(root, "logs/.git/logs"));
  const read = (path: string) => readGitRepository(path, { root, isBare: false });
  expect(read("/own")).toMatchObject({ branches: ["main"], unpushed: [] });
  expect(read("/linked")).toMatchObject({ branches: [], unpushed: [] });
  expect(read("/logs")).toMatchObject({ branches: ["main"], unpushed: ["main"] });
});
