import { describe, expect, test } from "vitest";
import { GLOBAL_OPTIONS } from "../definitions/global-options.ts";
import { PRUNE_OPTIONS } from "../definitions/prune.ts";
import { GivenOptions } from "../given-options.ts";
import { Variables } from "../variables.ts";
import { pruneSettings } from "./options.ts";

const MIB = 1024 * 1024;

function settings(typed: Readonly<Record<string, string | true>>): ReturnType<typeof pruneSettings> {
  const values = new Map(Object.entries(typed).map(([name, value]) => [name, [value]]));
  return pruneSettings(new GivenOptions([...GLOBAL_OPTIONS, ...PRUNE_OPTIONS], values, Variables.take({})));
}

describe("options of a prune", () => {
  test("may all be left out", () => {
    expect(settings({})).toEqual({
      compression: "auto",
      packSizeBytes: 16 * MIB,
      smallPackBytes: undefined,
      repackUncompressed: false,
      repackCacheableOnly: false,
    });
  });

  test.for<[typed: Record<string, string | true>, expected: Record<string, unknown>]>([
    [{ "max-unused": "unlimited" }, { maxUnused: { kind: "unlimited" } }],
    [{ "max-unused": "0%" }, { maxUnused: { kind: "percent", percent: 0 } }],
    [{ "max-unused": "12.5%" }, { maxUnused: { kind: "percent", percent: 12.5 } }],
    [{ "max-unused": "0" }, { maxUnused: { kind: "bytes", bytes: 0 } }],
    [{ "max-unused": "3M" }, { maxUnused: { kind: "bytes", bytes: 3 * MIB } }],
    [{ "max-repack-size": "0" }, { maxRepackBytes: 0 }],
    [{ "max-repack-size": "2k" }, { maxRepackBytes: 2048 }],
    [{ "repack-small": true }, { smallPackBytes: 0.8 * 16 * MIB }],
    [{ "repack-small": true, "pack-size": "4" }, { smallPackBytes: 0.8 * 4 * MIB }],
    [{ "repack-smaller-than": "16m" }, { smallPackBytes: 16 * MIB }],
    [
      { "repack-uncompressed": true, compression: "max" },
      { repackUncompressed: true, compression: "max" },
    ],
    [{ "repack-cacheable-only": true }, { repackCacheableOnly: true }],
  ])("%o", ([typed, expected]) => {
    expect(settings(typed)).toMatchObject(expected);
  });

  test.for<Record<string, string | true>>([
    { "max-unused": "100%" },
    { "max-unused": "-5%" },
    { "max-unused": "5 %" },
    { "max-unused": "much" },
    { "max-unused": "" },
    { "max-repack-size": "many" },
    { "max-repack-size": "-1" },
    { "repack-smaller-than": "5x" },
  ])("%o is not understood", (typed) => {
    expect(() => settings(typed)).toThrow(expect.objectContaining({ code: "CLI_INVALID_VALUE" }));
  });

  test.for<Record<string, string | true>>([
    { "repack-smaller-than": "17m" },
    { "repack-uncompressed": true, compression: "off" },
  ])("%o contradict each other", (typed) => {
    expect(() => settings(typed)).toThrow(expect.objectContaining({ code: "CLI_OPTIONS_CONFLICT" }));
  });
});
