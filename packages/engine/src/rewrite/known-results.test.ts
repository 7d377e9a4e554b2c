import { expect, test } from "vitest";
import { parseId } from "../format/id.ts";
import { KnownResults } from "./known-results.ts";

const [A, B] = ["aa", "bb"].map((byte) => parseId(byte.repeat(32))) as [
  ReturnType<typeof parseId>,
  ReturnType<typeof parseId>,
];
const result = (files: number) => ({ id: A, files, bytes: 0 });

test("a result counts for one tree at one path", () => {
  const known = new KnownResults();
  known.set(A, "/x", result(1));
  expect(known.get(A, "/x")).toEqual(result(1));
  expect(known.get(A, "/y")).toBeUndefined();
  expect(known.get(B, "/x")).toBeUndefined();
});

test("no more are kept than fit, and those that were used last stay", () => {
  const known = new KnownResults(3);
  for (const [n, path] of ["/1", "/2", "/3"].entries()) known.set(A, path, result(n));
  known.get(A, "/1");
  known.set(A, "/4", result(4));
  expect(["/1", "/2", "/3", "/4"].map((path) => known.get(A, path)?.files)).toEqual([0, undefined, 2, 4]);
});
