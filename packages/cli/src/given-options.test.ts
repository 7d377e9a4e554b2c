import { describe, expect, test } from "vitest";
import { GivenOptions, type TypedValues } from "./given-options.ts";
import { Variables } from "./variables.ts";

const DEFINITIONS = [
  { flags: "-m, --mode <mode>", description: "mode", choices: ["a", "b"], environment: "MODE" },
  { flags: "--size <size>", description: "size", environment: "SIZE" },
  { flags: "--lazy", description: "lazy", environment: "LAZY" },
  { flags: "-H, --host <host>", description: "host", repeatable: true, environment: "HOST" },
] as const;

function given(typed: Record<string, (string | true)[]>, variables: Record<string, string> = {}): GivenOptions {
  const values: TypedValues = new Map(Object.entries(typed));
  return new GivenOptions(DEFINITIONS, values, Variables.take({ ...variables }));
}

describe("GivenOptions", () => {
  test("what is typed wins over HOLDFAST_, and that over RESTIC_", () => {
    const variables = { HOLDFAST_MODE: "a", RESTIC_MODE: "b" };
    expect(given({ mode: ["a", "b"] }, variables).text("mode")).toBe("b");
    expect(given({}, variables).text("mode")).toBe("a");
    expect(given({}, { RESTIC_MODE: "b" }).text("mode")).toBe("b");
    expect(given({}, { HOLDFAST_MODE: "", RESTIC_MODE: "b" }).text("mode")).toBe("b");
    expect(given({}).text("mode")).toBeUndefined();
  });

  test("a variable's value is checked as a typed one is", () => {
    expect(() => given({}, { RESTIC_MODE: "c" }).text("mode")).toThrow(
      "'c' is not a value for RESTIC_MODE: give one of a, b",
    );
    expect(() => given({}, { HOLDFAST_SIZE: "x" }).number("size", { min: 1, max: 9 })).toThrow(
      "'x' is not a value for HOLDFAST_SIZE",
    );
    expect(() => given({ size: ["10"] }).number("size", { min: 1, max: 9 })).toThrow(
      "--size: give a whole number from 1 to 9",
    );
  });

  test("a flag's variable says true or false", () => {
    expect(given({ lazy: [true] }).flag("lazy")).toBe(true);
    expect([..."1", "true", "yes"].map((value) => given({}, { HOLDFAST_LAZY: value }).flag("lazy"))).toEqual([
      true,
      true,
      true,
    ]);
    expect(given({}, { HOLDFAST_LAZY: "0" }).flag("lazy")).toBe(false);
    expect(() => given({}, { HOLDFAST_LAZY: "perhaps" }).flag("lazy")).toThrow("HOLDFAST_LAZY");
  });

  test("typed values of a repeatable option replace the variable's", () => {
    expect(given({ host: ["x", "y"] }, { RESTIC_HOST: "z" }).list("host")).toEqual(["x", "y"]);
    expect(given({}, { RESTIC_HOST: "z" }).list("host")).toEqual(["z"]);
  });

  test("asking for an option that the command does not have is a defect", () => {
    expect(() => given({}).flag("unknown")).toThrow("no option --unknown");
  });
});

describe("Variables", () => {
  test("passwords leave the environment that children inherit", () => {
    const environment: Record<string, string | undefined> = {
      HOLDFAST_PASSWORD: "a",
      RESTIC_PASSWORD: "b",
      RESTIC_FROM_PASSWORD: "c",
      HOME: "/",
    };
    const variables = Variables.take(environment);
    expect(environment).toEqual({ HOME: "/" });
    expect(variables.password("HOLDFAST_", "PASSWORD")?.reveal()).toBe("a");
    expect(variables.password("RESTIC_", "FROM_PASSWORD")?.reveal()).toBe("c");
    expect(variables.find("PASSWORD")).toBeUndefined();
  });
});
