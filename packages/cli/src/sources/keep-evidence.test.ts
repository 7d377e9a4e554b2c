/** What a proof leaves for people is kept for its owner only, and takes the place of nothing. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { keepEvidence } from "./keep-evidence.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-evidence-"));
afterAll(() => rmSync(folder, { recursive: true }));

const identity = { source: "web", snapshot: "0123456789abcdef".repeat(4), beganAtMs: Date.UTC(2026, 10, 29, 7, 30) };
const report = { checks: [], usableAfterMs: undefined };

test("each proof has a folder of its own; nothing in it leads out of that, and nothing is overwritten", async () => {
  const evidence = [
    { name: "console.log", bytes: Buffer.from("HEALTH-OK\n") },
    { name: "../../elsewhere.png", bytes: Buffer.from([1, 2, 3]) },
  ];
  const kept = await keepEvidence(join(folder, "kept"), { ...report, evidence }, identity);
  const own = join(folder, "kept", "web-01234567-20261129T073000Z");
  expect(kept).toEqual([join(own, "console.log"), join(own, "elsewhere.png")]);
  expect(readFileSync(join(own, "console.log"), "utf8")).toBe("HEALTH-OK\n");
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(statSync(join(own, "console.log")).mode & 0o777).toBe(0o600);
  await expect(keepEvidence(join(folder, "kept"), { ...report, evidence }, identity)).rejects.toMatchObject({
    code: "EEXIST",
  });
});

test("a proof without evidence leaves no folder", async () => {
  expect(await keepEvidence(join(folder, "none"), report, identity)).toEqual([]);
  expect(readdirSync(folder)).toEqual(["kept"]);
});
