// Starts the program proper; only a Node that is new enough gets here. What concerns the process as a whole is set here: the
// cache of compiled code and the exit code.
"use strict";

const { existsSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { homedir } = require("node:os");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const LAUNCHER_CHECK_MS = 500;

/** Faster starts. Without a home, or where it cannot be written, the program runs all the same. */
function cacheCompiledCode() {
  try {
    enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "holdfast", "compile-cache"));
  } catch {
    // No home folder is known: compile afresh.
  }
}

/**
 * Ends this process, as SIGTERM would, when the process that started it for want of a newer Node is gone: whoever ended that one
 * by force, and could not be answered, meant the program.
 */
function endWithLauncher() {
  const launcher = process.env.HOLDFAST_LAUNCHER;
  if (launcher === undefined) return;
  delete process.env.HOLDFAST_LAUNCHER;
  const timer = setInterval(() => {
    if (String(process.ppid) === launcher) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LAUNCHER_CHECK_MS);
  timer.unref();
}

/** Runs the command line of this process. */
async function run() {
  endWithLauncher();
  const program = join(__dirname, "..", "dist", "main.js");
  if (!existsSync(program)) {
    process.stderr.write("holdfast: the program is not built. Run `npm run build` in the folder of Holdfast.\n");
    process.exitCode = 1;
    return;
  }
  cacheCompiledCode();
  const { main } = await import(pathToFileURL(program).href);
  process.exitCode = await main(process.argv.slice(2));
}

exports.run = run;
