import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { HoldfastError } from "@holdfast/base";
import { ENGINE_ERRORS, engineError } from "@holdfast/engine";
import { storageError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { EXIT_CODES } from "./definitions/global-options.ts";
import { CLI_ERRORS, cliError } from "./errors.ts";
import { exitCodeOf, reportFailure } from "./exit.ts";
import { Output } from "./output/output.ts";

describe("exitCodeOf", () => {
  test.for<[unknown, number]>([
    [cliError("CLI_USAGE", {}), 2],
    [cliError("CLI_INVALID_VALUE", {}), 2],
    [cliError("CLI_NO_LOCATION"), 2],
    [engineError("ENGINE_NO_REPOSITORY", {}), 10],
    [engineError("ENGINE_LOCKED", {}), 11],
    [engineError("ENGINE_WRONG_PASSWORD"), 12],
    [engineError("ENGINE_UNAUTHENTIC", {}), 20],
    [engineError("ENGINE_ABORTED"), 130],
    [engineError("ENGINE_PATH_NOT_FOUND", {}), 1],
    [storageError("STORAGE_FULL", {}), 1],
    [new Error("x"), 1],
    ["x", 1],
  ])("%s", ([error, code]) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  test("every error of the tables ends with a code that is explained", () => {
    const known = EXIT_CODES.map(({ code }) => code);
    const errors = Object.entries({ ...CLI_ERRORS, ...ENGINE_ERRORS });
    const unexplained = errors.filter(([code, row]) => !known.includes(exitCodeOf(new HoldfastError(code, row))));
    expect(unexplained).toEqual([]);
  });
});

describe("reportFailure", () => {
  const reported = async (error: unknown, json: boolean, details = false): Promise<string> => {
    const err = new PassThrough();
    const output = new Output({ json, quiet: true, verbosity: 0, color: false }, { out: new PassThrough(), err });
    reportFailure(error, output, { code: exitCodeOf(error), details });
    err.end();
    return text(err);
  };

  test("message and hint, even with --quiet", async () => {
    expect(await reported(cliError("CLI_USAGE", { problem: "no\u001b[2J", help: "holdfast help" }), false)).toBe(
      "holdfast: no\\x1b[2J\nhint: See `holdfast help`.\n",
    );
  });

  test("a message of several lines stays so, and none of them passes for one of ours", async () => {
    const error = new Error("two problems:\nholdfast: \u001b[2J\nhint: none");
    expect((await reported(error, false)).split("\n").slice(0, 3)).toEqual([
      "holdfast: two problems:",
      "  holdfast: \\x1b[2J",
      "  hint: none",
    ]);
  });

  test("in JSON an exit_error", async () => {
    expect(JSON.parse(await reported(engineError("ENGINE_WRONG_PASSWORD"), true))).toMatchObject({
      message_type: "exit_error",
      code: 12,
      error_code: "ENGINE_WRONG_PASSWORD",
      message: expect.stringContaining("wrong password") as string,
    });
  });

  test("a stack is shown only when asked for", async () => {
    const error = new Error("odd");
    expect(await reported(error, false)).not.toContain("exit.test.ts");
    expect(await reported(error, false, true)).toContain("exit.test.ts");
  });
});
