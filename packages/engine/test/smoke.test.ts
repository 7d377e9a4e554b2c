import { expect, test } from "vitest";
import { backUp, check, contentOfFolder, contentOfLatest, newRepository, noise, scratchFolder, writeFiles, namesOf } from "./backup-lab.ts";
const folder = scratchFolder();
test("x", async () => {
  writeFiles(folder, { "a/b": noise(20000, 1), "a/c": noise(20000, 2), "d/e/f": "hello", "g": noise(50000,3) });
  const r = await newRepository();
  for (let i=0;i<5;i++) { const t=performance.now(); const res = await backUp(r, [folder]); console.log(res.counts.dataBlobs, performance.now()-t); }
  expect(await contentOfLatest(r, folder)).toEqual(contentOfFolder(folder));
  const t=performance.now();
  const c = await check(r); console.log(c.findings, c.healthy, performance.now()-t, await namesOf(r.backend, "pack"), await namesOf(r.backend, "index"));
});
