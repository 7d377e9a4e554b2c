import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fillNewFolders } from "./new-folders.ts";

const failure = new Error("no room");

describe("new folders", () => {
  const above = mkdtempSync(join(tmpdir(), "holdfast-new-folders-"));
  afterAll(() => rmSync(above, { recursive: true }));
  let made = 0;
  const place = (): string => join(above, `place-${++made}`);
  const fillAndFail = (folders: readonly string[]): Promise<never> =>
    fillNewFolders(folders, true, async () => {
      for (const folder of folders) {
        expect(readdirSync(folder)).toEqual([]);
        mkdirSync(join(folder, "inner"));
        writeFileSync(join(folder, "inner/half"), "half");
      }
      throw failure;
    });

  test("are made with what is above them, and gone with it when filling fails", async () => {
    const folder = join(place(), "a/b");
    await expect(fillAndFail([folder])).rejects.toBe(failure);
    expect(readdirSync(above)).toEqual([]);
    const got = await fillNewFolders([folder], false, async (former) => {
      writeFileSync(join(folder, "whole"), "");
      return former;
    });
    expect(got).toEqual([]);
    expect(readdirSync(folder)).toEqual(["whole"]);
  });

  test("that were there and empty are so again when filling fails", async () => {
    const folder = place();
    mkdirSync(folder);
    await expect(fillAndFail([folder])).rejects.toBe(failure);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("what lay in them is beside them, and comes back when filling fails", async () => {
    const [first, second] = [place(), place()];
    for (const folder of [first, second]) {
      mkdirSync(folder);
      writeFileSync(join(folder, "mine"), folder);
    }
    await expect(fillAndFail([first, second])).rejects.toBe(failure);
    for (const folder of [first, second]) expect(readFileSync(join(folder, "mine"), "utf8")).toBe(folder);
    const asides = await fillNewFolders([first, second], true, async (former) => former);
    expect(asides.map((aside) => readFileSync(join(aside, "mine"), "utf8"))).toEqual([first, second]);
    expect([first, second].map((folder) => readdirSync(folder))).toEqual([[], []]);
  });

  test.for<[what: string, occupy: (path: string) => void]>([
    [
      "a folder with a file",
      (path) => {
        mkdirSync(path);
        writeFileSync(join(path, "mine"), "mine");
      },
    ],
    ["a file", (path) => writeFileSync(path, "mine")],
    ["a link that leads nowhere", (path) => symlinkSync(join(path, "nowhere"), path)],
  ])("%s in their place is refused before anything is changed", async ([, occupy]) => {
    const [free, occupied] = [place(), place()];
    occupy(occupied);
    const before = readdirSync(above);
    const filling = fillNewFolders([free, occupied], false, () => Promise.reject(new Error("must not be filled")));
    await expect(filling).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    expect(existsSync(free)).toBe(false);
    expect(readdirSync(above)).toEqual(before);
  });
});
