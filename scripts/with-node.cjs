// Runs a command with the right Node first on the path: `node scripts/with-node.cjs node scripts/build.mjs`.
//
// npm itself does that where it links the carried Node into node_modules/.bin, but npm 9 and 10 remove that link again when they skip
// the Node of the other architecture. Any Node can read this file.
"use strict";

var childProcess = require("child_process");
var path = require("path");
var runtime = require("../packages/cli/bin/runtime.cjs");

var node = runtime.isNewEnough() ? process.execPath : runtime.carriedNode();
if (node === undefined) {
  runtime.explainAbsence();
  process.exit(1);
}

var folders = [path.dirname(node), path.join(__dirname, "../node_modules/.bin"), process.env.PATH];
var result = childProcess.spawnSync(process.argv[2], process.argv.slice(3), {
  env: Object.assign({}, process.env, { PATH: folders.join(path.delimiter) }),
  stdio: "inherit",
});
if (result.error) throw result.error;
process.exit(result.status === null ? 1 : result.status);
