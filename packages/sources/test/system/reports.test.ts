/** What is told of two reports: drift between them, and whether a rebuilt system is what the report says. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compareReports } from "../../src/system/drift/compare-reports.ts";
import { compareFiles } from "../../src/system/proof/compare-files.ts";
import {
  type Sides,
  compareAccounts,
  compareLines,
  compareMarks,
  comparePackages,
  compareUnits,
  compareVersions,
} from "../../src/system/proof/compare-reports.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-reports-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const report = (topics: Record<string, string>) => new Map(Object.entries(topics));

describe("drift", () => {
  const before = report({
    "packages.txt": "bash amd64 5.2-1 installed\ncron amd64 3.0-1 installed\nold amd64 1 installed\n",
    "users.txt": "root:password:0:0:root:/root:/bin/bash\n",
    "network.json": '[{"ifname":"eth0","mtu":1500,"addr_info":[{"local":"10.0.0.1"}]}]\n',
    "gone.txt": "something\n",
  });

  test("of a system that is the same is none", () => {
    expect(compareReports(before, new Map(before))).toEqual([]);
  });

  test("tells lines that came, went and changed, and of JSON where", () => {
    const after = report({
      "packages.txt": "bash amd64 5.2-2 installed\ncron amd64 3.0-1 installed\nnew amd64 1 installed\n",
      "users.txt": "root:locked:0:0:root:/root:/bin/bash\n",
      "network.json":
        '[{"ifname":"eth0","mtu":9000,"addr_info":[{"local":"10.0.0.1"}]},{"ifname":"eth1","mtu":1500}]\n',
    });
    expect(compareReports(before, after)).toEqual([
      { topic: "gone.txt", added: [], removed: ["something"], changed: [] },
      {
        topic: "network.json",
        added: ["[eth1].ifname = eth1", "[eth1].mtu = 1500"],
        removed: [],
        changed: [{ from: "[eth0].mtu = 1500", to: "[eth0].mtu = 9000" }],
      },
      {
        topic: "packages.txt",
        added: ["new amd64 1 installed"],
        removed: ["old amd64 1 installed"],
        changed: [{ from: "bash amd64 5.2-1 installed", to: "bash amd64 5.2-2 installed" }],
      },
      {
        topic: "users.txt",
        added: [],
        removed: [],
        changed: [{ from: "root:password:0:0:root:/root:/bin/bash", to: "root:locked:0:0:root:/root:/bin/bash" }],
      },
    ]);
  });

  test("says of which file a line is, and pairs lines about one file or repository only", () => {
    const drift = compareReports(
      report({
        "names.txt": "# /etc/hostname\nweb1\n# /etc/hosts\n127.0.0.1 localhost\n",
        "conffiles.txt": "changed /etc/a 1\nchanged /etc/b 1\nmissing /etc/c\n",
        "repositories.txt": "deb http://one/debian bookworm main\n",
      }),
      report({
        "names.txt": "# /etc/hostname\nweb2\n# /etc/hosts\n127.0.0.1 localhost\n127.0.0.1 x\n",
        "conffiles.txt": "changed /etc/a 2\nchanged /etc/c 1\n",
        "repositories.txt": "deb http://two/debian bookworm main\n",
      }),
    );
    expect(drift).toEqual([
      {
        topic: "conffiles.txt",
        added: [],
        removed: ["changed /etc/b 1"],
        changed: [
          { from: "changed /etc/a 1", to: "changed /etc/a 2" },
          { from: "missing /etc/c", to: "changed /etc/c 1" },
        ],
      },
      {
        topic: "names.txt",
        added: ["/etc/hosts: 127.0.0.1 x"],
        removed: [],
        changed: [{ from: "/etc/hostname: web1", to: "/etc/hostname: web2" }],
      },
      {
        topic: "repositories.txt",
        added: ["deb http://two/debian bookworm main"],
        removed: ["deb http://one/debian bookworm main"],
        changed: [],
      },
    ]);
  });

  test("counts a line that is there twice, and does not pair what is not of one kind", () => {
    const [drift] = compareReports(report({ "a.txt": "x 1\nx 1\nx 2\n" }), report({ "a.txt": "x 1\nx 3\n" }));
    expect(drift).toEqual({ topic: "a.txt", added: ["x 3"], removed: ["x 1", "x 2"], changed: [] });
  });
});

describe("a rebuilt system", () => {
  const wanted = report({
    "packages.txt":
      "bash amd64 5.2-1 installed\ncron amd64 3.0-1 installed\nlinux-image-6.1 amd64 6.1-1 installed\nrc amd64 1 config-files\n",
    "packages-manual.txt": "bash amd64\n",
    "users.txt": "alice:unknown:1000:1000::/home/alice:/bin/sh\nroot:password:0:0::/root:/bin/sh\n",
    "units.txt": "cron.service enabled\n",
    "crontabs.txt": "/etc/crontab: a\n",
  });
  const sides = (changes: Record<string, string>, more: Partial<Sides> = {}): Sides => ({
    wanted,
    rebuilt: report({ ...Object.fromEntries(wanted), ...changes }),
    without: [],
    otherVersion: new Set(),
    ...more,
  });

  test("that is the same passes, and says what is not compared", () => {
    const same = sides({
      "packages.txt": "bash amd64 5.2-1 installed\ncron amd64 3.0-1 installed\nmore all 1 installed\n",
    });
    expect(comparePackages(same)).toEqual({
      passed: true,
      detail:
        "2 packages as in the report; not compared: 1 that start the machine or are left to a person; 1 more that the blank system had or others need",
    });
    const seen = [compareVersions(same), compareMarks(same), compareAccounts("users.txt", "users", same)];
    expect([...seen, compareLines("crontabs.txt", "lines", same)].every(({ passed }) => passed)).toBe(true);
  });

  test.for<[what: string, seen: { passed: boolean; detail: string }, detail: RegExp]>([
    [
      "a package is missing",
      comparePackages(sides({ "packages.txt": "bash amd64 5.2-1 installed\n" })),
      /cron amd64 is missing/,
    ],
    [
      "a package is there in part only",
      comparePackages(sides({ "packages.txt": "bash amd64 5.2-1 installed\ncron amd64 3.0-1 config-files\n" })),
      /cron amd64 is missing/,
    ],
    [
      "a version is another, which could be had",
      compareVersions(sides({ "packages.txt": "bash amd64 5.2-9 installed\n" })),
      /bash is 5\.2-9, was 5\.2-1/,
    ],
    ["a mark is lost", compareMarks(sides({ "packages-manual.txt": "" })), /bash amd64 is not marked/],
    [
      "a mark is too much",
      compareMarks(sides({ "packages-manual.txt": "bash amd64\ncron amd64\n" })),
      /cron amd64 is marked/,
    ],
    [
      "a user has another id",
      compareAccounts(
        "users.txt",
        "users",
        sides({ "users.txt": "alice:locked:1001:1000::/home/alice:/bin/sh\nroot:password:0:0::/root:/bin/sh\n" }),
      ),
      /alice is .*1001/,
    ],
    [
      "a password is lost",
      compareAccounts(
        "users.txt",
        "users",
        sides({ "users.txt": "alice:locked:1000:1000::/home/alice:/bin/sh\nroot:locked:0:0::/root:/bin/sh\n" }),
      ),
      /1 of 2 users differ: root is root:locked/,
    ],
    [
      "a unit is disabled",
      compareUnits(sides({ "units.txt": "cron.service disabled\n" })),
      /cron\.service disabled, was cron\.service enabled/,
    ],
    [
      "a line of a crontab is lost",
      compareLines("crontabs.txt", "lines", sides({ "crontabs.txt": "" })),
      /not there: \/etc\/crontab: a/,
    ],
  ])("in which %s does not pass", ([, { passed, detail }, expected]) => {
    expect([passed, detail]).toEqual([false, expect.stringMatching(expected)]);
  });

  test("may have another version of what no repository has any more, and says so", () => {
    const newer = sides({ "packages.txt": "bash amd64 5.2-9 installed\n" }, { otherVersion: new Set(["bash amd64"]) });
    expect(compareVersions(newer)).toEqual({
      passed: true,
      detail: expect.stringContaining(
        "1 of another version, as no repository has theirs any more: bash 5.2-1 became 5.2-9",
      ),
    });
  });

  test("is compared file by file: content, mode, kind, links", async () => {
    const [expected, actual] = [join(folder, "expected"), join(folder, "actual")];
    for (const [at, text] of [
      [expected, "one"],
      [actual, "two"],
    ] as const) {
      mkdirSync(join(at, "kind"), { recursive: true });
      for (const name of ["same", "mode"]) writeFileSync(join(at, name), "x");
      writeFileSync(join(at, "content"), text);
      symlinkSync(text, join(at, "link"));
    }
    writeFileSync(join(expected, "absent"), "x");
    chmodSync(join(actual, "mode"), 0o600);
    chmodSync(join(expected, "mode"), 0o4755);
    rmSync(join(actual, "kind"), { recursive: true });
    writeFileSync(join(actual, "kind"), "no folder");
    const paths = ["/absent", "/content", "/kind", "/link", "/mode", "/same"];
    const found = await compareFiles(paths, { expected, actual }, { signal: new AbortController().signal });
    expect(found).toEqual({
      same: 1,
      differences: [
        "/absent: is not there",
        "/content: has another content",
        "/kind: is of type file, was dir",
        "/link: leads to two, was to one",
        "/mode: has mode 600, had 4755",
      ],
    });
  });
});
