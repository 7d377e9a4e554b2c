import { describe, expect, test } from "vitest";
import { patternFileLines } from "./pattern-file.ts";

const environment = (name: string): string | undefined => ({ HOME: "/home/bob", a_1: "x" })[name];
const lines = (text: string | Uint8Array): string[] => patternFileLines(Buffer.from(text as string), environment);

test("lines are trimmed; empty ones and comments are left out", () => {
  expect(lines("# exclude go-files\n*.go\r\n\n  foo bar \u00a0\u3000\n\t# x\n\\#y\nlast")).toEqual([
    "*.go",
    "foo bar",
    "\\#y",
    "last",
  ]);
});

test("a byte order mark is dropped and UTF-16 is understood", () => {
  expect(lines("\ufeffé\n")).toEqual(["é"]);
  const utf16 = Buffer.from("\ufeffé\r\n*.c", "utf16le");
  expect(lines(utf16)).toEqual(["é", "*.c"]);
  expect(lines(Buffer.from(utf16).swap16())).toEqual(["é", "*.c"]);
});

test("bytes that are not UTF-8 are kept", () => {
  expect(lines(Uint8Array.of(0x61, 0xff, 0x0a))).toEqual(["a\udcff"]);
});

describe("environment variables", () => {
  test.for([
    ["$HOME/*", "/home/bob/*"],
    ["${HOME}x", "/home/bobx"],
    ["!$a_1.c", "!x.c"],
    ["a$HOMEx.c", "a.c"],
    ["a$UNSET/b", "a/b"],
    ["a$$b", "a$b"],
    ["a${$}b", "a$b"],
    ["a$1b", "ab"],
    ["a${}b", "ab"],
    ["a${HOME", "aHOME"],
    ["a$.b$", "a$.b$"],
    ["~/x", "~/x"],
  ] as const)("%j becomes %j", ([line, expanded]) => {
    expect(lines(line)).toEqual([expanded]);
  });
});
