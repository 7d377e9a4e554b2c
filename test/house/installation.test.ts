// What a stranger's machine needs of the files in the root: a lock file that installs anywhere, and a CI that brings all tools.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { absentTools, tools } from "../../scripts/tools.ts";
import { root } from "../../scripts/workspace.ts";

interface LockedPackage {
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

describe("the lock file", () => {
  test("names no host", () => {
    const hosts = Object.values(lock.packages).filter(({ resolved }) => resolved?.includes("://"));
    expect(hosts).toEqual([]);
  });

  test("marks no package for an install script: nothing is compiled, so nobody needs a compiler", () => {
    const marked = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(marked.map(([where]) => where)).toEqual([]);
  });

  test("lists the packages of every platform, without which `npm ci` refuses to run", () => {
    const missing = Object.entries(lock.packages).flatMap(([where, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in lock.packages) && !(`${where}/node_modules/${name}` in lock.packages),
      ),
    );
    expect(missing).toEqual([]);
  });
});

describe("the tools of the tests", () => {
  test("are all absent from an empty path", () => {
    expect(absentTools("")).toEqual(tools);
  });

  test("are all installed by .ci/run", () => {
    const words = readFileSync(join(root, ".ci/run"), "utf8").split(/[\s()]+/);
    expect(words).toEqual(expect.arrayContaining(tools.map(({ debianPackage }) => debianPackage)));
  });
});
