#!/usr/bin/env node
// The entry of the command line, for any Node: it runs the program when this Node is new enough, and otherwise runs itself
// again with the Node that came with the installation. Plain ES5, so that even a very old Node can read it.
"use strict";

var CANNOT_RUN = 1;

function printVersion() {
  process.stdout.write("holdfast " + require("../package.json").version + "\n");
}

/** Ctrl-C and its like reach the whole foreground group of a terminal, so the child has them already. */
function comesFromTerminal(signal) {
  var tty = require("tty");
  return (signal === "SIGINT" || signal === "SIGQUIT") && (tty.isatty(0) || tty.isatty(1) || tty.isatty(2));
}

/** Runs this file with another Node, and ends as that process ends: same exit code, or same signal. */
function runWith(node) {
  // By this the program knows whose end is its own (`program.cjs`).
  process.env.HOLDFAST_LAUNCHER = String(process.pid);
  var child = require("child_process").spawn(node, [__filename].concat(process.argv.slice(2)), { stdio: "inherit" });
  var signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
  signals.forEach(function (signal) {
    process.on(signal, function () {
      if (!comesFromTerminal(signal)) child.kill(signal);
    });
  });
  child.on("error", function (error) {
    require("./runtime.cjs").explain("the one that came with the installation does not start (" + error.message + ")");
    process.exitCode = CANNOT_RUN;
  });
  child.on("exit", function (code, signal) {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    signals.forEach(function (name) {
      process.removeAllListeners(name);
    });
    process.kill(process.pid, signal);
  });
}

function start() {
  if (process.argv.length === 3 && (process.argv[2] === "--version" || process.argv[2] === "-V")) return printVersion();
  var runtime = require("./runtime.cjs");
  if (runtime.isNewEnough()) return void require("./program.cjs").run();
  var node = runtime.carriedNode();
  if (node !== undefined) return runWith(node);
  runtime.explainAbsence();
  process.exitCode = CANNOT_RUN;
}

start();
