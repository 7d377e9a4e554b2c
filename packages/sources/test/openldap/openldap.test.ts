/** The kind `openldap`, with a real server that another process writes to. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openldapKind } from "../../src/openldap/openldap-kind.ts";
import { SourceLab, sourceConformance, withoutPart } from "../../src/testing/index.ts";
import { SECOND, SUFFIX, TestLdap } from "./ldap-server.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "openldap", name: "people" };
const hasLdap = existsSync("/usr/sbin/slapd") && existsSync("/usr/bin/ldapsearch");

/** Values of an attribute, in the order of entries. */
const valuesIn = (ldif: string, name: string): string[] =>
  ldif.split("\n").flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []));

describe.skipIf(!hasLdap)("with a server", () => {
  sourceConformance(openldapKind, async ({ folder }) => {
    const server = new TestLdap(folder);
    server.make(50);
    await server.start();
    server.startWriter();
    const data = join(folder, "restored");
    mkdirSync(join(folder, "r"));
    const restored = new TestLdap(join(folder, "r"), join(data, "slapd.d"));
    return {
      settings: {
        config: server.config,
        queries: [{ base: SUFFIX, filter: "(sn=Ünal)", expect: 50 }, { base: SECOND }],
      },
      broken: [
        { what: "no configuration", settings: { config: join(folder, "absent") }, code: "SOURCES_UNREACHABLE" },
        { what: "no such suffix", settings: { suffixes: ["dc=other"] }, code: "SOURCES_SETTINGS" },
        { what: "no tool", settings: { tools: folder }, code: "SOURCES_TOOL_MISSING" },
      ],
      async destroy() {
        await server.stop();
        for (const name of ["slapd.d", "one", "two"]) rmSync(join(folder, name), { recursive: true });
      },
      target: { form: "data", settings: { data } },
      async assertRestored() {
        await restored.start();
        const people = restored.search(SUFFIX, "one");
        expect(valuesIn(people, "dn").length).toBe(50);
        expect(valuesIn(people, "title")).toEqual(valuesIn(people, "description"));
        expect(valuesIn(people, "title").some((value) => Number(value) > 0)).toBe(true);
        expect(valuesIn(restored.search(SECOND), "o")).toEqual(["Second"]);
        await restored.stop();
      },
      isQuiet: async () =>
        readdirSync(folder, { recursive: true }).every((name) => !String(name).includes("openldap-")),
      async close() {
        await server.stop();
        await restored.stop();
      },
    };
  });

  describe("an openldap source", () => {
    let lab: SourceLab;
    let server: TestLdap;
    beforeAll(async () => {
      lab = await SourceLab.open();
      server = new TestLdap(lab.folder);
      server.make(20);
      await server.start();
    });
    afterAll(async () => {
      await server.stop();
      lab.remove();
    });

    const open = (settings: Record<string, unknown> = {}, variables: Record<string, string> = {}) =>
      openldapKind.open("people", openldapKind.settings.parse({ config: server.config, ...settings }), {
        ...lab.surroundings(),
        environment: { ...process.env, ...variables },
      });

    test("takes each database with data here, says where replication was, and proves without what lies elsewhere", async () => {
      const { warnings } = await lab.capture(open(), identity);
      expect(warnings).toEqual([]);
      const captured = await lab.captured();
      expect(captured.facts).toMatchObject({
        consistency: "application",
        server: { product: "OpenLDAP", version: expect.stringMatching(/^\d+\.\d+/) },
        position: { [`contextCSN of ${SUFFIX}`]: expect.stringMatching(/^\d{14}\.\d{6}Z#/) },
        detail: {
          databases: [
            { suffix: SUFFIX, entries: 21 },
            { suffix: SECOND, entries: 1 },
          ],
        },
      });
      const queries = [{ base: SUFFIX, filter: "(cn=Person 7)" }, { base: SUFFIX, expect: 3 }, { base: "o=Elsewhere" }];
      const report = await open({ queries }).prove(captured, {
        scratch: lab.newFolder(),
        signal: never,
        onStep: () => {},
      });
      expect(report.checks.map(({ passed }) => passed)).toEqual([true, true, true, true, true, false, false]);
      expect(report.checks[5]?.detail).toBe("21 entries, where 3 was expected");
    });

    test("finds all that a query asks for, whatever the limits of other clients are", async () => {
      const source = open({ queries: [{ base: SUFFIX, expect: 21 }] }, { LDAPSIZELIMIT: "1" });
      const proving = { scratch: lab.newFolder(), signal: never, onStep: () => {} };
      const { checks } = await source.prove(await lab.captured(), proving);
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    });

    test("is not restored into a folder that is in use or not empty; replaced, what is there is kept", async () => {
      const captured = await lab.captured();
      const restore = (data: string, overwrite: boolean) =>
        open().restore(captured, { ...silent, form: "data", settings: { data }, overwrite, signal: never });
      await expect(restore(join(lab.folder, "one"), true)).rejects.toMatchObject({ code: "SOURCES_TARGET_RUNNING" });
      const other = join(lab.newFolder(), "ldap");
      mkdirSync(other);
      writeFileSync(join(other, "mine"), "mine");
      await expect(restore(other, false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
      const { remaining } = await restore(other, true);
      expect(readdirSync(other).sort()).toEqual(["database-1", "database-2", "slapd.d"]);
      const former = /is now (\S+):/.exec(remaining[0] ?? "")?.[1] as string;
      expect(readdirSync(former)).toEqual(["mine"]);
    });

    test("that cannot be restored to its end leaves what was there", async () => {
      const captured = withoutPart(await lab.captured(), "database-2.ldif");
      const data = join(lab.newFolder(), "ldap");
      mkdirSync(data);
      writeFileSync(join(data, "mine"), "mine");
      const options = { ...silent, form: "data", settings: { data }, overwrite: true, signal: never };
      await expect(open().restore(captured, options)).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
      expect(readdirSync(data)).toEqual(["mine"]);
      expect(readdirSync(dirname(data))).toEqual(["ldap"]);
    });

    test("is restored with the tools that are named for it", async () => {
      const settings = { data: join(lab.newFolder(), "ldap"), tools: lab.newFolder() };
      const options = { ...silent, form: "data", settings, signal: never };
      await expect(open().restore(await lab.captured(), options)).rejects.toMatchObject({
        code: "SOURCES_TOOL_MISSING",
      });
    });

    test("an old slapd.conf will do, and a database without its top entry will not", async () => {
      const folder = lab.newFolder();
      mkdirSync(join(folder, "data"));
      const lines = [
        "include /etc/ldap/schema/core.schema",
        "modulepath /usr/lib/ldap",
        "moduleload back_mdb",
        "database mdb",
        'suffix "o=Old"',
        `directory ${folder}/data`,
      ];
      const config = join(folder, "slapd.conf");
      writeFileSync(config, `${lines.join("\n")}\n`);
      const capture = () => lab.capture(open({ config }), identity);
      await expect(capture()).rejects.toThrow();
      const { execFileSync } = await import("node:child_process");
      const ldif = join(folder, "old.ldif");
      writeFileSync(ldif, "dn: o=Old\nobjectClass: organization\no: Old\n");
      execFileSync("/usr/sbin/slapadd", ["-f", config, "-l", ldif], { stdio: "pipe" });
      await capture();
      const target = lab.newFolder();
      await open({ config }).restore(await lab.captured(), {
        ...silent,
        form: "folder",
        folder: target,
        signal: never,
      });
      expect(readFileSync(join(target, "database-1.ldif"), "utf8")).toMatch(/^dn: o=Old\n[^]*\n\n$/);
      expect(readFileSync(join(target, "config.ldif"), "utf8")).toContain("olcSuffix: o=Old");
    });
  });
});
