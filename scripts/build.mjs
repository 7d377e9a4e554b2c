// Builds every package into its dist folder: `node scripts/build.mjs`.
//
// Types are not checked here (`npm run typecheck` does), so a build is quick and needs no order.
import { spawn } from "node:child_process";
import { cpSync, existsSync, globSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { packagesOf, root } from "./workspace.ts";

const TSC = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
const NOT_SHIPPED = ["**/*.ts", "**/assembly/**", "**/testdata/**"];

/** Runs a program; what it prints is shown, and a failure ends the build. */
function run(what, command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the build of ${what} failed`))));
  });
}

/** Builds beside the last build and then takes its place, so that whoever runs the program never meets half of it. */
async function buildPackage({ name, folder }) {
  const dist = join(folder, "dist");
  const fresh = `${dist}-${process.pid}`;
  const old = `${fresh}-old`;
  try {
    await run(name, process.execPath, [TSC, "-p", join(folder, "tsconfig.build.json"), "--noCheck", "--outDir", fresh]);
    for (const file of globSync("**/*.*", { cwd: join(folder, "src"), exclude: NOT_SHIPPED })) {
      cpSync(join(folder, "src", file), join(fresh, file));
    }
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
  } finally {
    for (const leftover of [fresh, old]) rmSync(leftover, { recursive: true, force: true });
  }
}

const started = performance.now();
try {
  await run("the WebAssembly", process.execPath, [join(root, "scripts/build-wasm.mjs")]);
  const packages = packagesOf(root);
  await Promise.all(packages.map(buildPackage));
  process.stdout.write(`built ${packages.length} packages in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
