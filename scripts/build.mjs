// Builds the program into packages/cli/dist: `node scripts/build.mjs`. The command line becomes a few files and each worker
// thread one (docs/decisions/0015), because loading hundreds of modules takes longer than a short command's work.
//
// Types are not checked here (`npm run typecheck` does).
import { existsSync, globSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { rolldown } from "rolldown";
import { buildWasm } from "./build-wasm.mjs";
import { root } from "./workspace.ts";

const PROGRAM = join(root, "packages/cli/src/main.ts");
const WORKERS = "packages/*/src/**/*.worker.ts";
// What speaks to servers is loaded when one is used: it brings libraries along, and parts of Node that take time to load.
// So do a configuration and the sources that it names.
const OURS =
  /[\\/]packages[\\/](?!cli[\\/]|sources[\\/]|protection[\\/]src[\\/](?:configuration|configured|coverage|proposal|sources)|storage[\\/]src[\\/](?:azure|http|rclone|rest|s3|sftp|webdav)[\\/](?!\w+-location))/;
// Libraries in the older form of modules ask for the folder that they lie in.
const OLDER_NAMES = { __dirname: "import.meta.dirname", __filename: "import.meta.filename" };

/**
 * All files of a build lie in one folder, so that `workerEntry` finds a worker beside whatever file names it, and package.json
 * in the folder above.
 */
async function bundle(input, dir, codeSplitting) {
  const build = await rolldown({ input, platform: "node", transform: { define: OLDER_NAMES } });
  try {
    const files = { dir, entryFileNames: "[name].js", chunkFileNames: "[name].js" };
    const { output } = await build.write({ ...files, format: "esm", sourcemap: true, codeSplitting });
    return output.length;
  } finally {
    await build.close();
  }
}

/** Commands are loaded one at a time; the packages below them are one file. */
function bundleProgram(dir) {
  return bundle({ main: PROGRAM }, dir, { groups: [{ name: "library", test: OURS }] });
}

function bundleWorker(path, dir) {
  return bundle({ [basename(path, ".ts")]: join(root, path) }, dir, false);
}

const started = performance.now();
const dist = join(root, "packages/cli/dist");
const fresh = `${dist}-${process.pid}`;
const old = `${fresh}-old`;
try {
  await buildWasm();
  const workers = globSync(WORKERS, { cwd: root });
  await Promise.all([bundleProgram(fresh), ...workers.map((path) => bundleWorker(path, fresh))]);
  // Built beside the last build, then in its place: whoever runs the program never meets half of it.
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`built the program and ${workers.length} workers in ${seconds} s\n`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const leftover of [fresh, old]) rmSync(leftover, { recursive: true, force: true });
}
