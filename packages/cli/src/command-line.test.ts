import { describe, expect, test } from "vitest";
import { type ParsedCommandLine, parseCommandLine } from "./command-line.ts";
import { PROGRAM } from "./definitions/commands.ts";
import { optionName, shortFlag } from "./definitions/definition.ts";
import { allCommands } from "./definitions/find-command.ts";
import { EXIT_CODES, GLOBAL_OPTIONS } from "./definitions/global-options.ts";

function parsed(line: string): ParsedCommandLine {
  return parseCommandLine(PROGRAM, line === "" ? [] : line.split(" "));
}

function run(line: string): Extract<ParsedCommandLine, { kind: "run" }> {
  const result = parsed(line);
  if (result.kind !== "run") throw new Error(`'${line}' is not run`);
  return result;
}

describe("parseCommandLine", () => {
  test("global options may stand before and after the command", () => {
    for (const line of ["-r x --json ls latest", "ls -r x latest --json", "ls latest -r x --json"]) {
      const { words, args, typed } = run(line);
      expect(words).toEqual(["ls"]);
      expect(args).toEqual(["latest"]);
      expect(typed.get("repo")).toEqual(["x"]);
      expect(typed.get("json")).toEqual([true]);
    }
  });

  test("values that look like options, short options in one word, and repeated ones", () => {
    const { args, typed } = run("backup -xn --exclude -v -e b --tag=a,b --tag= --no-scan -- -c");
    expect(args).toEqual(["-c"]);
    expect(Object.fromEntries(typed)).toEqual({
      "one-file-system": [true],
      "dry-run": [true],
      exclude: ["-v", "b"],
      tag: ["a,b", ""],
      "no-scan": [true],
    });
  });

  test("--verbose takes a level as restic's does", () => {
    expect(run("snapshots --verbose=2").typed.get("verbose")).toHaveLength(2);
    expect(run("-v snapshots -vv").typed.get("verbose")).toHaveLength(3);
    expect(run("backup --stdin-from-command -- x --verbose=2").args).toEqual(["x", "--verbose=2"]);
  });

  test("commands in groups", () => {
    expect(run("key add --host h")).toMatchObject({ words: ["key", "add"], typed: new Map([["host", ["h"]]]) });
  });

  test("help wins over what is wrong after it", () => {
    expect(parsed("--help")).toMatchObject({ kind: "help", words: [], isMistake: false });
    expect(parsed("restore -h")).toMatchObject({ kind: "help", words: ["restore"] });
    expect(parsed("key add --help")).toMatchObject({ kind: "help", words: ["key", "add"] });
    expect(parsed("--version")).toEqual({ kind: "version" });
  });

  test("a missing command is a mistake that help answers", () => {
    expect(parsed("")).toMatchObject({ kind: "help", words: [], isMistake: true });
    expect(parsed("key")).toMatchObject({ kind: "help", words: ["key"], isMistake: true });
  });

  test.for<[string, RegExp]>([
    ["bakup", /unknown command 'bakup' \(Did you mean backup\?\)/],
    ["backup --exlude x", /unknown option '--exlude' \(Did you mean --exclude\?\)/],
    ["key frobnicate", /unknown command/],
    ["restore", /missing required argument/],
    ["snapshots -H", /argument missing/],
    ["list nothing", /Allowed choices are snapshots/],
    ["--compression zip init", /Allowed choices are off/],
    ["unlock now", /too many arguments/],
  ])("'%s' is refused", ([line, message]) => {
    expect(() => parsed(line)).toThrow(
      expect.objectContaining({ code: "CLI_USAGE", message: expect.stringMatching(message) as string }) as Error,
    );
  });
});

/** Begins small and has no full stop. */
const SENTENCE = /^[a-z].*[^.]$/;
const HELP = { flags: "-h, --help" };

describe("definitions", () => {
  const commands = allCommands(PROGRAM);

  test("every command has a summary, a description, and work to do or commands below it", () => {
    const lacking = commands.filter(
      ({ command: { summary, description, load, subcommands } }) =>
        !SENTENCE.test(summary) || description.length === 0 || (load === undefined) !== (subcommands !== undefined),
    );
    expect(lacking.map(({ words }) => words)).toEqual([]);
  });

  test("every option is described", () => {
    const options = [...GLOBAL_OPTIONS, ...commands.flatMap(({ command }) => command.options ?? [])];
    expect(options.filter(({ description }) => !SENTENCE.test(description))).toEqual([]);
  });

  test("no command has a flag twice", () => {
    const twice = commands.flatMap(({ command, words }) => {
      const options = [...GLOBAL_OPTIONS, HELP, ...(command.options ?? [])];
      const flags = options.flatMap((option) => [`--${optionName(option)}`, shortFlag(option) ?? []].flat());
      return flags.filter((flag, at) => flags.indexOf(flag) !== at).map((flag) => [...words, flag].join(" "));
    });
    expect(twice).toEqual([]);
  });

  test("every command can be loaded and run", async () => {
    const loaders = commands.flatMap(({ command }) => command.load ?? []);
    const modules = await Promise.all(loaders.map((load) => load()));
    expect(modules.filter(({ run: work }) => typeof work !== "function")).toEqual([]);
  });

  test("exit codes that commands name are explained", () => {
    const known = new Set(EXIT_CODES.map(({ code }) => code));
    for (const { command } of commands) for (const code of command.exitCodes ?? []) expect(known).toContain(code);
  });

  test("examples are command lines that are understood", () => {
    const lines = [PROGRAM, ...commands.map(({ command }) => command)].flatMap(({ examples = [] }) => examples);
    for (const { command: line } of lines) {
      const words = line
        .replace(/^npm start( --)?/, "holdfast start")
        .replace(/^source <\((.*)\)$/, "$1")
        .split(/ [|>] /)[0] as string;
      const [name, ...argv] = words.split(" ");
      expect({ line, name }).toEqual({ line, name: "holdfast" });
      expect(() => parseCommandLine(PROGRAM, argv)).not.toThrow();
    }
  });
});
