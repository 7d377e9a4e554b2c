// Finds a Node that can run the program. Plain ES5, so that even a very old Node can read it.
"use strict";

var NEEDED_MAJOR = 26;

function majorOf(version) {
  return parseInt(version.split(".")[0], 10);
}

/** Whether this Node can run the program. */
function isNewEnough() {
  return majorOf(process.versions.node) >= NEEDED_MAJOR;
}

/** The path of the Node that an optional dependency carries, or undefined when there is none. */
function carriedNode() {
  var name = "node-" + process.platform + "-" + process.arch;
  try {
    if (majorOf(require(name + "/package.json").version) < NEEDED_MAJOR) return undefined;
    return require.resolve(name + "/bin/node");
  } catch (error) {
    return undefined;
  }
}

/** Says on standard error what is wrong with the Node at hand, and what to do. `reason` tells of the carried one. */
function explain(reason) {
  var needed = "Node " + NEEDED_MAJOR;
  var lines = [
    "holdfast: " + needed + " or newer is needed, this is Node " + process.versions.node + ", and " + reason + ".",
    "Run `npm ci --include=optional` in the folder of Holdfast, or install " + needed + " from https://nodejs.org.",
  ];
  process.stderr.write(lines.join("\n") + "\n");
}

/** Says that no Node was carried here. */
function explainAbsence() {
  explain("none for " + process.platform + "-" + process.arch + " came with the installation");
}

exports.carriedNode = carriedNode;
exports.explain = explain;
exports.explainAbsence = explainAbsence;
exports.isNewEnough = isNewEnough;
