import { describe, expect, test } from "vitest";
import { Author, newRepository, node, signal } from "../../test/made-repository.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { loadIndex } from "../repository/load-index.ts";
import { placesOfBlob, queryForBlobs, queryForPacks } from "./blob-query.ts";

const id = (text: string): Id => idOf(Buffer.from(text));

function indexOf(...ids: string[]): BlobIndex {
  const index = BlobIndex.create();
  const pack = index.addPack(id("pack"));
  for (const each of ids) index.add("data", idToBytes(each as Id), 0, pack, 0, 40, 0);
  return index;
}

const AB = `ab12${"0".repeat(60)}`;
const AC = `ac34${"0".repeat(60)}`;

describe("the beginning of an id", () => {
  test.for(["ab", "ab12", AB.slice(0, 63), AB])("stands for the only blob that begins so: %s", (text) => {
    expect(queryForBlobs(indexOf(AB, AC), "data", [text])).toEqual({ kind: "blobs", data: [AB], trees: [] });
  });

  test("that several blobs have is refused, and says which", () => {
    expect(() => queryForBlobs(indexOf(AB, AC), "data", [AB, "a"])).toThrow(
      expect.objectContaining({
        code: "ENGINE_BLOB_ID_AMBIGUOUS",
        message: expect.stringContaining("ab120000") as string,
      }),
    );
  });

  test.for(["b", "AB", "xyz", "", "ab 12", `${AB}0`])("that none has is refused: '%s'", (text) => {
    expect(() => queryForBlobs(indexOf(AB, AC), "data", [text])).toThrow(
      expect.objectContaining({ code: "ENGINE_BLOB_ID_UNKNOWN" }),
    );
  });

  test("counts one blob once, however often it is stored, and no blob of another type", () => {
    const index = indexOf(AB, AC);
    index.add("data", idToBytes(AB as Id), 0, index.addPack(id("second pack")), 0, 40, 0);
    expect(queryForBlobs(index, "data", ["ab"]).data).toEqual([AB]);
    expect(() => queryForBlobs(index, "tree", ["ab"])).toThrow(
      expect.objectContaining({ code: "ENGINE_BLOB_ID_UNKNOWN" }),
    );
  });
});

test("a whole id is searched for even when no index lists it", () => {
  expect(queryForBlobs(indexOf(), "tree", [AB])).toEqual({ kind: "blobs", data: [], trees: [AB] });
});

describe("packs", () => {
  async function packed(): Promise<{ author: Author; index: BlobIndex; packs: Id[] }> {
    const author = new Author(newRepository());
    await author.tree([await author.file("a", ["A", "B"]), node("c")]);
    await author.finish();
    const index = await loadIndex(author.repository, { signal });
    return { author, index, packs: Array.from({ length: index.packCount }, (_, n) => index.packId(n)) };
  }

  test("stand for the blobs in them", async () => {
    const { author, index, packs } = await packed();
    const { data, trees } = await queryForPacks(author.repository, index, packs, { signal });
    expect(data.toSorted()).toEqual([id("A"), id("B")].toSorted());
    expect(trees).toHaveLength(1);
    for (const pack of packs) {
      const part = await queryForPacks(author.repository, index, [pack.slice(0, 40)], { signal });
      const places = [
        ...part.data.flatMap((blob) => placesOfBlob(index, "data", blob)),
        ...part.trees.flatMap((blob) => placesOfBlob(index, "tree", blob)),
      ];
      expect(new Set(places.map((place) => place.pack))).toEqual(new Set([pack]));
    }
  });

  test("that no index lists are read themselves", async () => {
    const { author, index, packs } = await packed();
    const listed = await queryForPacks(author.repository, index, packs, { signal });
    const read = await queryForPacks(author.repository, BlobIndex.create(), packs, { signal });
    expect([read.data.toSorted(), read.trees]).toEqual([listed.data.toSorted(), listed.trees]);
  });

  test("that do not exist, or could be several, are refused", async () => {
    const { author, index } = await packed();
    const query = (text: string): Promise<unknown> => queryForPacks(author.repository, index, [text], { signal });
    await expect(query("0".repeat(64))).rejects.toMatchObject({ code: "ENGINE_ID_NOT_FOUND" });
    await expect(query("no id")).rejects.toMatchObject({ code: "ENGINE_ID_NOT_FOUND" });
    for (let n = 0; n < 17; n++) index.addPack(id(String(n)));
    const alike = "0123456789abcdef".split("").map(query);
    const codes = (await Promise.allSettled(alike)).map((each) =>
      each.status === "rejected" ? (each.reason as { code: string }).code : "",
    );
    expect(codes).toContain("ENGINE_ID_AMBIGUOUS");
  });
});
