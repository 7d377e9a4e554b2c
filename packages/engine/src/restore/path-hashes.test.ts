import { expect, test } from "vitest";
import { holdsPath, PathHashes, pathHash } from "./path-hashes.ts";

test("holds what was added, and nothing else", () => {
  const hashes = new PathHashes();
  const paths = Array.from({ length: 5000 }, (_, n) => `/folder/${n * 7}`);
  for (const path of paths) hashes.add([pathHash(path)]);
  hashes.add(["/ü", "/\udcff"].map(pathHash));
  const sorted = hashes.sorted();
  expect([...paths, "/ü", "/\udcff"].every((path) => holdsPath(sorted, path))).toBe(true);
  expect(["/folder/1", "", "/", "/\udcfe", "/folder/7/"].some((path) => holdsPath(sorted, path))).toBe(false);
  expect(holdsPath(new PathHashes().sorted(), "/x")).toBe(false);
});
