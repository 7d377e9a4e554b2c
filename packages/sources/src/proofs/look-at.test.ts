import { storageError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { sourcesError } from "../errors.ts";
import { lookAt } from "./look-at.ts";

const signal = new AbortController().signal;

describe("a look at a restored copy", () => {
  test("that fails did not pass, and says why", async () => {
    const look = () =>
      Promise.reject(sourcesError("SOURCES_TOOL_FAILED", { tool: "x", source: "y", reason: "no rows" }));
    expect(await lookAt("rows", { signal }, look)).toMatchObject({
      name: "rows",
      passed: false,
      detail: expect.stringContaining("no rows"),
    });
  });

  test("for which the repository is out of reach says nothing of the copy", async () => {
    const error = storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "gone" });
    await expect(lookAt("rows", { signal }, () => Promise.reject(error))).rejects.toBe(error);
  });

  test("that is aborted rejects with the reason", async () => {
    const reason = new Error("enough");
    await expect(
      lookAt("rows", { signal: AbortSignal.abort(reason) }, () => Promise.reject(new Error("x"))),
    ).rejects.toBe(reason);
  });
});
