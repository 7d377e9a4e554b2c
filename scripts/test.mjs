// All that decides whether the code is good: `npm test`. The gates come first, each in one line unless it fails; the tests come
// last, so that the output ends with their summary. With arguments (`npm test -- packages/engine`) only those tests run.
import { spawnSync } from "node:child_process";
import { absentTools } from "./tools.ts";
import { root } from "./workspace.ts";

const GATES = [
  { name: "build", command: ["node", "scripts/build.mjs"] },
  { name: "format", command: ["oxfmt", "--check", "."], hint: "npm run format" },
  { name: "lint", command: ["oxlint"] },
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "imports", command: ["node", "scripts/check-imports.ts"] },
  { name: "names", command: ["node", "scripts/check-names.ts"] },
  { name: "unused", command: ["knip", "--no-progress"] },
];

const path = process.env.PATH ?? "";
const filters = process.argv.slice(2);

function run([program, ...args], stdio) {
  const result = spawnSync(program, args, { cwd: root, encoding: "utf8", stdio });
  if (result.error !== undefined) throw result.error;
  return { succeeded: result.status === 0, output: `${result.stdout ?? ""}${result.stderr ?? ""}` };
}

function passes({ name, command, hint }) {
  const started = performance.now();
  const { succeeded, output } = run(command, "pipe");
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${name.padEnd(8)} ${succeeded ? "ok" : "FAILED"} ${seconds} s\n`);
  if (!succeeded) process.stdout.write(`${output}${hint === undefined ? "" : `To correct it: ${hint}\n`}\n`);
  return succeeded;
}

function allToolsAreThere() {
  const absent = absentTools(path);
  for (const { program, debianPackage } of absent) {
    process.stdout.write(`absent   ${program} (Debian package ${debianPackage}): tests that need it are skipped\n`);
  }
  return absent.length === 0 || process.env.CI !== "true";
}

const gates = filters.length === 0 ? GATES : GATES.slice(0, 1);
const failed = gates.filter((gate) => !passes(gate)).map(({ name }) => name);
if (!allToolsAreThere()) failed.push("tools (CI is true, so none may be absent)");
if (!run(["vitest", "run", ...filters], "inherit").succeeded) failed.push("tests");
if (failed.length > 0) {
  process.stdout.write(`FAILED: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}
