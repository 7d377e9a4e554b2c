import fc from "fast-check";
import { expect, test } from "vitest";
import { idFromBytes, type Id } from "../format/id.ts";
import { encodeIndexFile } from "../index/index-file.ts";
import { ENTRY_BYTES, ENTRY_ID_AT, encodePackJson } from "./pack-json.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
// Twenty of them stay below the 4 GiB that a pack can have.
const length = fc.oneof(fc.nat(300), fc.nat(2 ** 27), fc.constantFrom(0, 9, 10, 99, 100, 2 ** 27));

test("a pack is written as the encoder of whole index files writes it", () => {
  const blob = fc.record({ id: bytes32, sealed: length, plain: length });
  fc.assert(
    fc.property(bytes32, fc.constantFrom("data", "tree"), fc.array(blob, { maxLength: 20 }), (packId, type, blobs) => {
      const entries = new Uint8Array(blobs.length * ENTRY_BYTES);
      const view = new DataView(entries.buffer);
      let offset = 0;
      const listed = blobs.map(({ id, sealed, plain }, n) => {
        view.setUint32(n * ENTRY_BYTES + 1, sealed, true);
        view.setUint32(n * ENTRY_BYTES + 5, plain, true);
        entries.set(id, n * ENTRY_BYTES + ENTRY_ID_AT);
        const entry = { id: idFromBytes(id), type, offset, lengthBytes: sealed, uncompressedBytes: plain } as const;
        offset += sealed;
        return entry;
      });
      const id: Id = idFromBytes(packId);
      const whole = Buffer.from(encodeIndexFile([{ id, blobs: listed }])).toString("latin1");
      expect(`{"packs":[${Buffer.from(encodePackJson(id, type, entries)).toString("latin1")}]}\n`).toBe(whole);
    }),
  );
});
