import { bytesSource } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { DatedBackend } from "../../test/dated-backend.ts";
import { through } from "../../test/backup-lab.ts";
import { cutTo, flipBit, idsOf } from "../../test/damaged/good.ts";
import { newRepository, signal } from "../../test/made-repository.ts";
import { MAX_EVIDENCE_BYTES, MAX_SUBJECTS, type EvidenceFields } from "../format/evidence.ts";
import { idOf, parseId, type Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { listEvidence, saveEvidence, type EvidenceRecord } from "./records.ts";

const A = parseId("aa".repeat(32));
const FIELDS: EvidenceFields = {
  run: "check",
  beganAtMs: 1_000,
  endedAtMs: 2_000,
  hostname: "box",
  programVersion: "holdfast 1",
  proven: [{ snapshot: A, tree: A }],
  damaged: [],
  incomplete: [],
};

async function listed(repository: Repository): Promise<{ records: EvidenceRecord[]; damaged: Id[] }> {
  const damaged: Id[] = [];
  const records = await listEvidence(repository, { signal, onDamaged: (id) => void damaged.push(id) });
  return { records, damaged };
}

describe("records of evidence", () => {
  test("come back as they were saved, with when the store received them", async () => {
    const repository = through(newRepository(), new DatedBackend(7_000));
    expect(await listed(repository)).toEqual({ records: [], damaged: [] });
    await saveEvidence(repository, FIELDS, { signal });
    const [id] = await idsOf(repository, "evidence");
    expect(await listed(repository)).toEqual({ records: [{ ...FIELDS, id, receivedAtMs: 7_000 }], damaged: [] });
  });

  test("about no snapshot are not made", async () => {
    const repository = newRepository();
    await saveEvidence(repository, { ...FIELDS, proven: [] }, { signal });
    expect(await idsOf(repository, "evidence")).toEqual([]);
  });

  test("about more snapshots than one may name are several", async () => {
    const repository = newRepository();
    const proven = Array.from({ length: MAX_SUBJECTS }, (_, n) => ({ snapshot: idOf(Buffer.from(`${n}`)), tree: A }));
    await saveEvidence(repository, { ...FIELDS, proven, damaged: FIELDS.proven }, { signal });
    const { records } = await listed(repository);
    const counts = records.map((record) => record.proven.length + record.damaged.length);
    expect(new Set(counts)).toEqual(new Set([1, MAX_SUBJECTS]));
    expect(records.flatMap((record) => record.damaged)).toEqual(FIELDS.proven);
  });

  test.for<[string, (repository: Repository, name: Id) => Promise<unknown>]>([
    ["a wrong bit", ({ backend }, name) => flipBit(backend, { type: "evidence", name }, 20)],
    ["its end missing", ({ backend }, name) => cutTo(backend, { type: "evidence", name }, 40)],
    ["nothing in it", ({ backend }, name) => cutTo(backend, { type: "evidence", name }, 0)],
  ])("that has %s is told, and the others are read", async ([, damage]) => {
    const repository = newRepository();
    await saveEvidence(repository, { ...FIELDS, hostname: "other" }, { signal });
    const [name] = await idsOf(repository, "evidence");
    await saveEvidence(repository, FIELDS, { signal });
    await damage(repository, name as Id);
    const { records, damaged } = await listed(repository);
    expect({ hosts: records.map(({ hostname }) => hostname), damaged }).toEqual({ hosts: ["box"], damaged: [name] });
  });

  test.for<[string, (repository: Repository) => Promise<unknown>]>([
    ["without the key", ({ backend }) => save(backend, Buffer.from(`{"version":1}`))],
    [
      "by a newer version",
      (repository) => repository.saveDocument("evidence", Buffer.from(`{"version":2}`), { signal }),
    ],
    ["larger than any may be", ({ backend }) => save(backend, new Uint8Array(MAX_EVIDENCE_BYTES + 1))],
    [
      "to fill the memory",
      (repository) =>
        repository.saveDocument("evidence", Buffer.from(`{"x":"${"x".repeat(MAX_EVIDENCE_BYTES)}"}`), { signal }),
    ],
  ])("that were made %s prove nothing", async ([, forge]) => {
    const repository = newRepository();
    await forge(repository);
    expect(await listed(repository)).toEqual({ records: [], damaged: await idsOf(repository, "evidence") });
  });
});

function save(backend: Repository["backend"], bytes: Uint8Array): Promise<void> {
  return backend.save({ type: "evidence", name: idOf(bytes) }, bytesSource(bytes), { signal });
}
