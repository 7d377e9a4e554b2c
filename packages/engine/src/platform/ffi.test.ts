import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { processFunctions } from "./ffi.ts";

test("its first use prints no warning, and other warnings still appear", () => {
  const script = `
    const { processFunctions } = await import(${JSON.stringify(new URL("./ffi.ts", import.meta.url).href)});
    console.log(processFunctions({ getpid: { arguments: [], return: "int32" } }).getpid() === process.pid);
    process.emitWarning("FFI elsewhere", "ExperimentalWarning");`;
  const args = ["--input-type=module", "--eval", script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: {} });
  expect(stdout).toBe("true\n");
  expect(stderr).toContain("ExperimentalWarning: FFI elsewhere");
  expect(stderr).not.toContain("FFI is an experimental feature");
});

test("a symbol that does not exist has a code", () => {
  expect(() => processFunctions({ holdfast_has_no_such_function: { arguments: [], return: "void" } })).toThrow(
    expect.objectContaining({ code: "ENGINE_NO_FFI" }),
  );
});
