/** Which of a cluster's roles are made on another, and with which statements. */
import { describe, expect, test } from "vitest";
import { planRoles } from "../../src/postgres/dump/roles.ts";
import { splitStatements } from "../../src/postgres/dump/statements.ts";

const GLOBALS = String.raw`--
-- PostgreSQL database cluster dump
--

\restrict 8QKKXjJ1

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE ROLE "a ""b";
ALTER ROLE "a ""b" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM;''--x';
COMMENT ON ROLE "a ""b" IS 'it''s; -- a \ comment';
CREATE ROLE grp;
ALTER ROLE grp WITH NOLOGIN;
CREATE ROLE outer_grp;
ALTER ROLE outer_grp WITH NOLOGIN;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER PASSWORD 'md5x';

--
-- User Configurations
--

ALTER ROLE "a ""b" SET search_path TO 'x', 'y';
ALTER ROLE postgres SET work_mem TO '1MB';
GRANT grp TO "a ""b" WITH ADMIN OPTION GRANTED BY postgres;
GRANT outer_grp TO grp GRANTED BY postgres;
CREATE TABLESPACE fast OWNER postgres LOCATION '/fast';
GRANT ALL ON TABLESPACE fast TO grp;
GRANT SET ON PARAMETER log_duration TO grp;

\unrestrict 8QKKXjJ1
`;

describe("roles of a cluster", () => {
  test("are all made where none is there, with passwords, comments, settings, memberships and rights", () => {
    const plan = planRoles(GLOBALS, new Set());
    expect(plan.created).toEqual([`a "b`, "grp", "outer_grp", "postgres"]);
    expect(plan.kept).toEqual([]);
    expect(plan.tablespaces).toEqual(["fast"]);
    expect(plan.statements).toContain(`ALTER ROLE "a ""b" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM;''--x'`);
    expect(plan.statements).toContain(String.raw`COMMENT ON ROLE "a ""b" IS 'it''s; -- a \ comment'`);
    expect(plan.statements).toContain("GRANT SET ON PARAMETER log_duration TO grp");
    // Who granted may not be there, or have no right to.
    expect(plan.statements).toContain(`GRANT grp TO "a ""b" WITH ADMIN OPTION `);
    expect(plan.statements.filter((each) => /TABLESPACE|\\|client_encoding/.test(each))).toEqual([
      String.raw`COMMENT ON ROLE "a ""b" IS 'it''s; -- a \ comment'`,
    ]);
  });

  test("that are there stay as they are", () => {
    const plan = planRoles(GLOBALS, new Set(["postgres", "grp"]));
    expect(plan.kept).toEqual(["grp", "postgres"]);
    expect(plan.created).toEqual([`a "b`, "outer_grp"]);
    expect(plan.statements.filter((each) => /ROLE (postgres|grp)|TO grp/.test(each))).toEqual([]);
  });

  test("of a part are those that it needs, and their groups", () => {
    expect(planRoles(GLOBALS, new Set(["postgres"]), ["grp"]).created).toEqual(["grp", "outer_grp"]);
    expect(planRoles(GLOBALS, new Set(["postgres"]), [`a "b`]).created).toEqual([`a "b`, "grp", "outer_grp"]);
    expect(planRoles(GLOBALS, new Set(), ["nobody"])).toMatchObject({ created: [], statements: [] });
  });

  test("are refused when their statements are cut off or have an open quote", () => {
    for (const text of ["CREATE ROLE a", 'CREATE ROLE "a;\nCREATE ROLE b;', "COMMENT ON ROLE a IS 'x;"]) {
      expect(() => planRoles(text, new Set())).toThrow(expect.objectContaining({ code: "SOURCES_DAMAGED" }) as Error);
    }
  });

  test("are split where statements end, not where a text has a semicolon", () => {
    const texts = (sql: string): string[] => splitStatements(sql).map(({ text }) => text);
    expect(
      texts(String.raw`A 'x;' ; B E'\';' "c;""";-- d;
      \connect e;
      F;`),
    ).toEqual(["A 'x;' ", String.raw`B E'\';' "c;"""`, "F"]);
  });
});
