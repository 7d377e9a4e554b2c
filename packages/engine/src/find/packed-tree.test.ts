import fc from "fast-check";
import { expect, test } from "vitest";
import { idOf } from "../format/id.ts";
import { packTree, unpackTree } from "./packed-tree.ts";
import type { Kept } from "./tree-search.ts";

const id = idOf(Buffer.from("x"));
const entry = fc.record({
  name: fc.string({ minLength: 1, unit: "binary" }).map((name) => name.replaceAll("/", "x")),
  kind: fc.constantFrom("file", "folder", "lost folder"),
  isMatch: fc.boolean(),
});

test("what is unpacked is what was packed", () => {
  fc.assert(
    fc.property(
      fc.array(entry),
      fc.array(fc.string()),
      fc.constantFrom("nothing", "json", "ids"),
      (entries, unsafeNames, of) => {
        const kept = entries.map(({ name, kind, isMatch }, n): Kept => ({
          name,
          isFolder: kind !== "file",
          tree: kind === "folder" ? n : -1,
          missing: kind === "lost folder" ? id : undefined,
          isMatch,
          json: isMatch && of === "json" ? `{"name":"/${n}"}` : "",
          ids: isMatch && of === "ids" ? [id] : [],
        }));
        const tree = { kept, unsafeNames };
        expect(unpackTree(packTree(tree))).toEqual(tree);
      },
    ),
  );
});
