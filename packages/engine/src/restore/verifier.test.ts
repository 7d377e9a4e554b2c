import { chmodSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { node, signal } from "../../test/made-repository.ts";
import { made, newFolder, restore } from "../../test/restore-lab.ts";
import { Counters } from "../workers/counters.ts";
import { Coordinator } from "./coordinator.ts";
import { RESTORE_COUNTERS } from "./messages.ts";
import type { RestoreProblem } from "./problems.ts";

test("verification finds everything that is not as the snapshot says", async () => {
  const snapshot = await made(async (author) => [
    await author.folder("d", [await author.file("byte", ["content", "more"]), await author.file("fine", ["fine"])]),
    await author.file("gone", ["gone"]),
    await author.file("grown", ["grown"]),
    node("link", { type: "symlink", linkTarget: "a" }),
    await author.file("mode", ["mode"]),
    await author.file("time", ["time"]),
    await author.file("type", ["type"]),
  ]);
  const target = newFolder();
  await restore(snapshot, target);
  const at = (path: string): string => join(target, path);
  writeFileSync(at("d/byte"), "contentmorX");
  utimesSync(at("d/byte"), 1_700_000_000.1234567, 1_700_000_000.1234567);
  rmSync(at("gone"));
  truncateSync(at("grown"), 9);
  rmSync(at("link"));
  symlinkSync("b", at("link"));
  chmodSync(at("mode"), 0o600);
  utimesSync(at("time"), 1, 1);
  rmSync(at("type"));
  symlinkSync("/etc/passwd", at("type"));
  const problems: RestoreProblem[] = [];
  const coordinator = new Coordinator({
    first: snapshot.author,
    standby: [],
    root: snapshot.root,
    workers: 1,
    workerData: {
      counters: Counters.create(RESTORE_COUNTERS).shared,
      target,
      noteUntouched: false,
      rules: {
        selection: { includes: [], excludes: [], paths: undefined },
        overwrite: "always",
        delete: false,
        sparse: false,
        dryRun: false,
        owner: undefined,
        reportEntries: false,
      },
    },
    signal,
    onProblem: (problem) => problems.push(problem),
    onEntry: () => {},
    onChange: () => {},
  });
  coordinator.start();
  await coordinator.verify({ tree: snapshot.root });
  await coordinator.stop();
  const found = Object.fromEntries(problems.map(({ code, path, reason }) => [path, `${code}: ${reason}`]));
  expect(Object.keys(found).toSorted()).toEqual(["/d/byte", "/gone", "/grown", "/link", "/mode", "/time", "/type"]);
  expect(found["/d/byte"]).toMatch(/content differs from byte 7/);
  expect(found["/gone"]).toMatch(/ENOENT/);
  expect(found["/grown"]).toMatch(/size is 9 instead of 5/);
  expect(found["/type"]).toMatch(/symlink instead of a file/);
});
