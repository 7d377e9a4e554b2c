// The guarantee gate: `node scripts/check-guarantees.ts`. Every test that docs/guarantees.md names as a proof exists under that name.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.ts";

/** What the gate saw. A problem is one line: file, line, what is wrong. */
export interface GuaranteeReport {
  readonly proofs: number;
  readonly problems: readonly string[];
}

const PAGE = "docs/guarantees.md";
/** A proof as the page writes it: the file in backquotes, then the names of tests in double quotes. */
const PROOF = /`([\w./-]+\.test\.ts|[\w./-]+\/testing\/[\w-]+\.ts)`((?:[:,\s]+"[^"]+")+)/g;

/** Checks the page of the repository at `folder`. A `…` in a name stands for a part that differs from run to run. */
export function checkGuarantees(folder: string): GuaranteeReport {
  const problems: string[] = [];
  let proofs = 0;
  for (const [at, line] of readFileSync(join(folder, PAGE), "utf8").split("\n").entries()) {
    for (const [, path = "", names = ""] of line.matchAll(PROOF)) {
      const source = existsSync(join(folder, path)) ? readFileSync(join(folder, path), "utf8") : undefined;
      if (source === undefined) problems.push(`${PAGE}:${at + 1}: there is no ${path}`);
      for (const [, name = ""] of names.matchAll(/"([^"]+)"/g)) {
        proofs++;
        if (source !== undefined && !holds(source, name))
          problems.push(`${PAGE}:${at + 1}: ${path} has no test "${name}"`);
      }
    }
  }
  return { proofs, problems };
}

/** True when the parts of the name stand in one line of the source, in order. */
function holds(source: string, name: string): boolean {
  return source.split("\n").some((line) => {
    let from = 0;
    return name.split("…").every((part) => {
      const found = line.indexOf(part.trim(), from);
      from = found + part.trim().length;
      return found >= 0;
    });
  });
}

if (import.meta.main) {
  const { proofs, problems } = checkGuarantees(root);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(`guarantees: ${proofs} proofs, ${problems.length} problems\n`);
  if (problems.length > 0 || proofs === 0) process.exitCode = 1;
}
