/** Conformance: a list of very many files. */
import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bytesSource } from "../bytes-source.ts";
import { folderOf } from "../keys.ts";
import { type ReadySubject, withSubject } from "./use-subject.ts";
import { type SubjectFactory, unaborted } from "./conformance-subject.ts";
import { sha256 } from "./sample-files.ts";

/** Index files all lie in one folder, which is the hardest. */
const TYPE = "index";
const AT_ONCE = 16;
const SLOW = 300_000;

/** @param count how many; the factory's `folder` makes them cheap */
export function manyFilesTest(factory: SubjectFactory, count: number): void {
  const list = withSubject(factory, async (subject) => {
    const names = Array.from({ length: count }, (_, n) => sha256(Buffer.from(`file ${n}`)));
    await plant(subject, names);
    const seen = new Set<string>();
    let entries = 0;
    for await (const { name, sizeBytes } of subject.backend.list(TYPE, unaborted())) {
      entries++;
      seen.add(name);
      if (sizeBytes !== 3) throw new Error(`${name} has ${sizeBytes} bytes`);
    }
    expect(entries).toBe(count);
    expect(names.filter((name) => !seen.has(name))).toEqual([]);
  });
  test(`lists ${count} files, each once`, list, SLOW);
}

async function plant({ folder, writer }: ReadySubject, names: readonly string[]): Promise<void> {
  if (folder !== undefined) {
    const below = join(folder, folderOf(TYPE));
    await mkdir(below, { recursive: true });
    for (const name of names) writeFileSync(join(below, name), "abc");
    return;
  }
  const save = async (from: number): Promise<void> => {
    for (let n = from; n < names.length; n += AT_ONCE) {
      await writer.save({ type: TYPE, name: names[n] ?? "" }, bytesSource(Buffer.from("abc")), unaborted());
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, from) => save(from)));
}
