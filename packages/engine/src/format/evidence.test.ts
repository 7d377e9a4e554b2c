import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeEvidence,
  encodeEvidence,
  MAX_EVIDENCE_BYTES,
  MAX_SUBJECTS,
  type EvidenceFields,
  type EvidenceSubject,
} from "./evidence.ts";
import { parseId } from "./id.ts";

const A = parseId("aa".repeat(32));
const B = parseId("bb".repeat(32));
const SUBJECT = `{"snapshot":"${A}","tree":"${B}"}`;
const GOOD = `{"version":1,"run":"check","began":"2026-11-02T10:00:00.000Z","ended":"2026-11-02T11:00:00.000Z","hostname":"box","program_version":"holdfast 1","proven":[${SUBJECT}]}`;
const read = (json: string): EvidenceFields => decodeEvidence(Buffer.from(json));

const fields: EvidenceFields = {
  run: "check",
  beganAtMs: Date.UTC(2026, 10, 2, 10),
  endedAtMs: Date.UTC(2026, 10, 2, 11),
  hostname: "box",
  programVersion: "holdfast 1",
  proven: [{ snapshot: A, tree: B }],
  damaged: [],
  incomplete: [],
};

describe("a record's document", () => {
  test("is this JSON, with the lists that hold something", () => {
    expect(Buffer.from(encodeEvidence(fields)).toString()).toBe(GOOD);
    expect(read(GOOD)).toEqual(fields);
  });

  test("comes back as it was, whatever it holds", () => {
    const id = fc.constantFrom(A, B);
    const subjects = fc.array(fc.record({ snapshot: id, tree: id }), { maxLength: 4 });
    const checked = fc.record({
      run: fc.constantFrom("check" as const, "restore" as const),
      beganAtMs: fc.integer({ min: 0, max: 4e12 }),
      endedAtMs: fc.integer({ min: 4e12, max: 5e12 }),
      hostname: fc.string({ unit: "grapheme" }),
      programVersion: fc.string(),
      proven: fc.array(fc.record({ snapshot: id, tree: id }), { minLength: 1, maxLength: 4 }),
      damaged: subjects,
      incomplete: fc.constant<EvidenceSubject[]>([]),
    });
    fc.assert(
      fc.property(checked, (some) => {
        expect(decodeEvidence(encodeEvidence(some))).toEqual(some);
      }),
    );
  });

  test("of the most snapshots is within the limit of its size", () => {
    const proven = Array.from({ length: MAX_SUBJECTS }, () => ({ snapshot: A, tree: B }));
    expect(encodeEvidence({ ...fields, proven }).length).toBeLessThan(MAX_EVIDENCE_BYTES / 2);
  });

  test.for([
    ["another version", GOOD.replace(`"version":1`, `"version":2`), "which a newer Holdfast made"],
    ["a field that is not known", GOOD.replace("{", `{"x":1,`), `a field "x"`],
    ["a field of a snapshot that is not known", GOOD.replace(SUBJECT, SUBJECT.replace("{", `{"x":1,`)), `a field "x"`],
    ["a run of another kind", GOOD.replace("check", "drill"), "no kind of run"],
    ["a run named as an object's own method", GOOD.replace("check", "constructor"), "no kind of run"],
    ["a verdict that the run cannot reach", GOOD.replace("check", "backup"), "cannot find out what is proven"],
    ["no snapshot", GOOD.replace(`,"proven":[${SUBJECT}]`, ""), "it names 0 snapshots"],
    [
      "too many",
      GOOD.replace(
        SUBJECT,
        Array(MAX_SUBJECTS + 1)
          .fill(SUBJECT)
          .join(),
      ),
      "it names 10001 snapshots",
    ],
    ["something else in a list", GOOD.replace(SUBJECT, `"${A}"`), "not a JSON object"],
    ["no list", GOOD.replace(`[${SUBJECT}]`, SUBJECT), "not a list of objects"],
    ["a wrong id", GOOD.replace(B, "bb"), "is not an id"],
    ["no time", GOOD.replace("2026-11-02", "soon"), "is not a time"],
    ["an end before its beginning", GOOD.replace("T11", "T09"), "it ended before it began"],
    ["no host", GOOD.replace(`"hostname":"box",`, ""), "is not a text"],
    ["no JSON", GOOD.slice(1), "it is not JSON"],
  ] as const)("with %s is refused", ([, json, reason]) => {
    expect(() => read(json)).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
    expect(() => read(json)).toThrow(reason);
  });

  test("wherever it is changed, is read or refused, never anything else", () => {
    const bytes = Buffer.from(GOOD);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 4;
      try {
        decodeEvidence(changed);
      } catch (error) {
        expect(error).toMatchObject({ code: "ENGINE_MALFORMED" });
      }
    }
  });
});
