import { describe, expect, test } from "vitest";
import { decodePlan, encodePlan, planHash } from "./plan-document.ts";
import type { PlanHeader, PlannedFile } from "./removal-plan.ts";

const HEADER: Omit<PlanHeader, "files" | "bytes"> = {
  repository: "den/laptop",
  client: "keeper",
  person: "anna@example.org",
  command: "prune",
  reason: 'it is "old"\nand unneeded',
  proposedMs: 1_800_000_000_000,
  notBeforeMs: 1_800_086_400_000,
  expiresMs: 1_800_259_200_000,
  approvals: 2,
};
const FILES: readonly PlannedFile[] = [
  { type: "snapshot", name: "ab".repeat(32), sizeBytes: 300 },
  { type: "config", name: "", sizeBytes: 155 },
  { type: "pack", name: "0c".repeat(32), sizeBytes: 16_777_216 },
];

function decoded(text: string): unknown {
  const bytes = Buffer.from(text);
  return decodePlan(bytes, planHash(bytes));
}

describe("the document of a plan", () => {
  const bytes = encodePlan(HEADER, FILES);
  const text = Buffer.from(bytes).toString();

  test("comes back whole, with the number and the bytes of its files", () => {
    const { header, files } = decodePlan(bytes, planHash(bytes));
    expect(header).toEqual({ ...HEADER, files: 3, bytes: 300 + 155 + 16_777_216 });
    expect(files).toHaveLength(3);
    expect(files).toEqual(expect.arrayContaining([...FILES]));
  });

  test("is the same in whatever order its files came", () => {
    expect(planHash(encodePlan(HEADER, FILES.toReversed()))).toBe(planHash(bytes));
  });

  test("with one byte changed is another one", () => {
    const changed = Buffer.from(bytes);
    const at = text.indexOf("abab");
    changed[at] = "c".charCodeAt(0);
    expect(() => decodePlan(changed, planHash(bytes))).toThrow(
      expect.objectContaining({ code: "STORAGE_PLAN_DAMAGED" }),
    );
  });

  test.each([
    ["a count that is wrong", text.replace('"files":3', '"files":2')],
    ["bytes that are wrong", text.replace('"bytes":16777671', '"bytes":1')],
    ["a field more", text.replace('"approvals":2', '"approvals":2,"note":"x"')],
    ["another format", text.replace("plan 1", "plan 2")],
    ["a name that leads elsewhere", text.replace("ab".repeat(32), "../".repeat(21) + "a")],
    ["a type that is none", text.replace("snapshot ", "anything ")],
    ["lines in another order", [text.split("\n")[0], ...text.split("\n").slice(1, 4).toReversed(), ""].join("\n")],
    ["no end", text.trimEnd()],
    ["a space more", text.replace("config -", "config  -")],
    ["a negative size", text.replace(" 155\n", " -155\n")],
    ["nothing", ""],
    ["no JSON", "holdfast\n"],
    ["JSON that is no object", "null\n"],
  ])("with %s is not read", (_, wrong) => {
    expect(wrong).not.toBe(text);
    expect(() => decoded(wrong)).toThrow(expect.objectContaining({ code: "STORAGE_PLAN_DAMAGED" }));
  });
});
