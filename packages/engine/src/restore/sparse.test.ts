import { closeSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { newFolder } from "../../test/restore-lab.ts";
import { writeSparse } from "./sparse.ts";

test("what is read from a file with holes is what was written, at any offset", () => {
  const folder = newFolder();
  // Runs of zeros and of other bytes, around the size of a block.
  const runs = fc.array(fc.tuple(fc.nat(9000), fc.boolean()), { maxLength: 6 });
  let n = 0;
  fc.assert(
    fc.property(runs, fc.nat(10_000), (parts, offset) => {
      const bytes = Buffer.concat(parts.map(([length, isZero]) => Buffer.alloc(length, isZero ? 0 : 7)));
      const path = join(folder, String(n++));
      const file = openSync(path, "w");
      writeSparse(file, bytes, offset);
      ftruncateSync(file, offset + bytes.length);
      closeSync(file);
      expect(readFileSync(path).equals(Buffer.concat([Buffer.alloc(offset), bytes]))).toBe(true);
    }),
    { numRuns: 60 },
  );
});
