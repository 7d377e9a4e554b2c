import { describe, expect, test } from "vitest";
import { expandGlob, type GlobFileSystem } from "./path-glob.ts";

const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  ".": ["src", "a.c"],
  "/": ["home", "etc"],
  "/home": ["eve", "bob"],
  "/home/bob": ["b.c", ".c", "a.c", "\udcff.c", "dir"],
  "/home/eve": ["a.c"],
  src: ["x.c"],
};

const files: GlobFileSystem = {
  exists: (path) => path === "/etc/hosts",
  names: (folder) => FOLDERS[folder] ?? [],
};

describe("a pattern becomes the paths that exist", () => {
  test.for([
    ["/etc/hosts", ["/etc/hosts"]],
    ["/etc/missing", []],
    ["/*", ["/etc", "/home"]],
    ["/home/*/a.c", ["/home/bob/a.c", "/home/eve/a.c"]],
    ["/home/bob/*.c", ["/home/bob/.c", "/home/bob/a.c", "/home/bob/b.c", "/home/bob/\udcff.c"]],
    ["/h*/[^b]*/?.c", ["/home/eve/a.c"]],
    ["*.c", ["a.c"]],
    ["s?c/*", ["src/x.c"]],
    ["/home/*/", []],
    ["/home/b\\ob", ["/home/bob"]],
  ] as const)("%j", ([pattern, paths]) => {
    expect(expandGlob(pattern, files)).toEqual(paths);
  });

  test.for(["/home/[", "/home/[/x", "/x/a\\"])("%j is malformed", (pattern) => {
    expect(() => expandGlob(pattern, files)).toThrow(expect.objectContaining({ code: "ENGINE_PATTERN_INVALID" }));
  });
});
