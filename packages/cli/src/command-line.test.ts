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

describe("definitions", () => {
  const commands = allCommands(PROGRAM);

  test("every command has a summary, a description, and work to do or commands below it", () => {
    for (const { command } of commands) {
      expect(command.summary, command.name).toMatch(/^[a-z].*[^.]$/);
      expect(command.description.length, command.name).toBeGreaterThan(0);
      expect(command.load === undefined, command.name).toBe(command.subcommands !== undefined);
    }
  });

  test("every option is described, and no flag is given twice", () => {
    for (const { command, words } of commands) {
      const options = [...GLOBAL_OPTIONS, ...(command.options ?? [])];
      for (const option of options) expect(option.description, option.flags).toMatch(/^[a-z].*[^.]$/);
      const flags = [
        "-h",
        "--help",
        ...options.flatMap((option) => [`--${optionName(option)}`, shortFlag(option)]),
      ].filter(Boolean);
      expect(new Set(flags).size, words.join(" ")).toBe(flags.length);
    }
  });

  test("every command can be loaded and run", async () => {
    for (const { command } of commands) {
      if (command.load !== undefined) expect((await command.load()).run, command.name).toBeTypeOf("function");
    }
  });

  test("exit codes that commands name are explained", () => {
    const known = new Set(EXIT_CODES.map(({ code }) => code));
    for (const { command } of commands) for (const code of command.exitCodes ?? []) expect(known).toContain(code);
  });

  test("examples are command lines that are understood", () => {
    for (const { command } of [...commands, { command: PROGRAM }]) {
      for (const { command: line } of command.examples ?? []) {
        const words = line
          .replace(/^npm start( --)?/, "holdfast start")
          .replace(/^source <\((.*)\)$/, "$1")
          .split(/ [|>] /)[0] as string;
        const [name, ...argv] = words.split(" ");
        expect(name).toBe("holdfast");
        expect(() => parseCommandLine(PROGRAM, argv), line).not.toThrow();
      }
    }
  });
});
