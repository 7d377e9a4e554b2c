import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { Secret } from "@holdfast/base";
import { type Repository, createRepository, parseId } from "@holdfast/engine";
import { FaultyBackend } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { expect, test } from "vitest";
import { Output } from "../output/output.ts";
import { evidenceIfAny, readEvidence } from "./known.ts";

const { signal } = new AbortController();
const TREE = parseId("70".repeat(32));

/** A repository whose store answers no question about records. */
function withoutRecords(): Promise<Repository> {
  const refuse = (operation: string, type: string | undefined): { kind: "fail"; when: "before" } | undefined =>
    operation === "list" && type === "evidence" ? { kind: "fail", when: "before" } : undefined;
  const backend = new FaultyBackend(new MemoryBackend(), { next: refuse });
  const kdf = { N: 2, r: 1, p: 1 };
  return createRepository(backend, new Secret("x"), { signal, hostname: "h", username: "u", kdf });
}

test("where records cannot be had, what only shows them goes on and says so; what decides by them does not", async () => {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const output = new Output({ json: false, quiet: false, verbosity: 0, color: false }, { out, err });
  const repository = await withoutRecords();
  const options = { signal, during: "snapshots" };
  const evidence = await evidenceIfAny({ output }, repository, options);
  expect(evidence.of({ id: TREE, snapshot: { tree: TREE, original: undefined } as never })).toMatchObject({
    isIncomplete: false,
    provenAtMs: undefined,
  });
  await expect(readEvidence({ output }, repository, options)).rejects.toThrow();
  err.end();
  expect(await text(err)).toMatch(/^warning: what earlier runs found out about snapshots is not known: .*\n$/);
});
