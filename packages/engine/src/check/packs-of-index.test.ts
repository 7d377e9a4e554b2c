import fc from "fast-check";
import { expect, test } from "vitest";
import { idOf, idToBytes } from "../format/id.ts";
import { packHeaderBytes } from "../format/pack-header.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { PacksOfIndex } from "./packs-of-index.ts";

const PACKS = 5;
const blob = fc.record({
  name: fc.nat(12),
  pack: fc.nat(PACKS - 1),
  tree: fc.boolean(),
  offset: fc.nat(1000),
  length: fc.nat(1000),
  plain: fc.nat(1),
});

test("every entry is found under its pack, with what the pack must have by the index", () => {
  fc.assert(
    fc.property(fc.array(blob, { maxLength: 40 }), fc.boolean(), (blobs, withClaim) => {
      const index = BlobIndex.create();
      const packs = Array.from({ length: PACKS }, (_, n) => index.addPack(idOf(Buffer.from(`pack ${n}`))));
      for (const { name, pack, tree, offset, length, plain } of blobs) {
        index.add(
          tree ? "tree" : "data",
          idToBytes(idOf(Buffer.from(String(name)))),
          0,
          packs[pack] as number,
          offset,
          length,
          plain,
        );
      }
      // Claimed and not stored: in no pack.
      if (withClaim) index.claim("data", idToBytes(idOf(Buffer.from("claimed"))), 0);
      const turned = new PacksOfIndex(index);
      const seen = packs.flatMap((pack) => {
        const entries = [...turned.entriesOf(pack)];
        const places = entries.map((entry) => index.locationAt(entry));
        for (const place of places) expect(place?.pack).toBe(pack);
        const compressed = places.filter((place) => (place?.uncompressedBytes ?? 0) > 0).length;
        const bytes = places.reduce((sum, place) => sum + (place?.lengthBytes ?? 0), 0);
        expect(turned.expectedBytes[pack]).toBe(bytes + packHeaderBytes(entries.length - compressed, compressed));
        expect(turned.endBytes[pack]).toBe(
          Math.max(0, ...places.map((place) => (place?.offset ?? 0) + (place?.lengthBytes ?? 0))),
        );
        expect(turned.holdsTrees[pack]).toBe(entries.some((entry) => index.typeAt(entry) === "tree") ? 1 : 0);
        return entries;
      });
      expect(seen.sort((a, b) => a - b)).toEqual([...Array(index.count - (withClaim ? 1 : 0)).keys()]);
    }),
  );
});
