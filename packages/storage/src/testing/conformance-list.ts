/** Conformance: `list`. */
import { describe, expect, test } from "vitest";
import { FILE_TYPES } from "../keys.ts";
import { type SubjectFactory, get, listAll, put, unaborted } from "./conformance-subject.ts";
import { type SampleFile, sampleFile } from "./sample-files.ts";
import { withSubject } from "./use-subject.ts";

export function listTests(factory: SubjectFactory): void {
  describe("list", () => {
    test(
      "is empty in an empty place",
      withSubject(factory, async ({ backend }) => {
        for (const type of FILE_TYPES) expect(await listAll(backend, type)).toEqual([]);
      }),
    );

    test.each(["pack", "snapshot"] as const)("yields each of 330 files of type %s once, with its size", (type) =>
      withSubject(factory, async ({ backend, writer }) => {
        const files = Array.from({ length: 330 }, (_, seed) => sampleFile(type, seed % 50, seed + 1));
        const sizes = new Map(files.map(({ key, bytes }) => [key.name, bytes.length]));
        for (const file of files) await put(writer, file);
        await put(writer, sampleFile("lock", 10));
        const infos = await listAll(backend, type);
        expect(infos.length).toBe(sizes.size);
        expect(new Map(infos.map(({ name, sizeBytes }) => [name, sizeBytes]))).toEqual(sizes);
      })(),
    );

    test(
      "yields config under its empty name",
      withSubject(factory, async ({ backend, writer }) => {
        await put(writer, sampleFile("config", 155));
        expect(await listAll(backend, "config")).toMatchObject([{ name: "", sizeBytes: 155 }]);
      }),
    );

    test(
      "yields each lasting file once while others come and go",
      withSubject(factory, async ({ backend, writer }) => {
        const files = Array.from({ length: 300 }, (_, seed) => sampleFile("pack", 20, seed));
        for (const file of files) await put(writer, file);
        const lasting = files.slice(0, 200);
        const seen: string[] = [];
        let step = 0;
        for await (const { name } of backend.list("pack", unaborted())) {
          seen.push(name);
          const leaving: SampleFile | undefined = files[200 + step];
          if (leaving !== undefined) await writer.remove(leaving.key, unaborted());
          if (step < 50) await put(writer, sampleFile("pack", 21, step));
          step++;
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(lasting.filter(({ key }) => !seen.includes(key.name))).toEqual([]);
      }),
    );

    test(
      "lets the caller load while it iterates, and stop early",
      withSubject(factory, async ({ backend, writer }) => {
        for (let seed = 0; seed < 20; seed++) await put(writer, sampleFile("index", 100 + seed, seed));
        let count = 0;
        for await (const { name, sizeBytes } of backend.list("index", unaborted())) {
          expect((await get(backend, { type: "index", name })).length).toBe(sizeBytes);
          if (++count === 10) break;
        }
        expect((await listAll(backend, "index")).length).toBe(20);
      }),
    );

    test(
      "skips foreign files",
      withSubject(factory, async ({ backend, writer, plantForeign }) => {
        if (plantForeign === undefined) return;
        const file = sampleFile("pack", 50);
        await put(writer, file);
        const name = file.key.name;
        const wrongFolder = name.startsWith("00") ? "01" : "00";
        const foreign = [
          "README.txt",
          "snapshots/notes",
          `snapshots/${name.toUpperCase()}`,
          `index/${name.slice(1)}`,
          `index/${name}-tmp-1234`,
          `keys/${name}.bak`,
          `data/${name}`,
          `data/${wrongFolder}/${name}`,
          `data/${name.slice(0, 2)}/${name}-tmp-holdfast-0123456789abcdef`,
          `data/xy/${name}`,
          "holdfast/evidence",
          "holdfast/forgotten/notes",
        ];
        for (const path of foreign) await plantForeign(path);
        for (const type of FILE_TYPES) {
          expect((await listAll(backend, type)).map((info) => info.name)).toEqual(type === "pack" ? [name] : []);
        }
      }),
    );
  });
}
