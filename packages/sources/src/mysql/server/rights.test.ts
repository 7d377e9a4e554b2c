import { describe, expect, test } from "vitest";
import { missingRights } from "./rights.ts";

const need = (right: string, database?: string) => ({ right, database });

describe("rights", () => {
  test("everywhere are rights in each database", () => {
    const grants = ["GRANT SELECT, SHOW VIEW ON *.* TO `b`@`localhost` IDENTIFIED BY PASSWORD '*1'"];
    expect(missingRights(grants, [need("SELECT"), need("SHOW VIEW", "shop"), need("EVENT", "shop")])).toEqual([
      need("EVENT", "shop"),
    ]);
    expect(
      missingRights(["GRANT ALL PRIVILEGES ON *.* TO `r`@`%` WITH GRANT OPTION"], [need("RELOAD"), need("EVENT", "x")]),
    ).toEqual([]);
  });

  test("in databases are taken with their wildcards", () => {
    const grants = ["GRANT SELECT ON `sh\\_p%`.* TO `b`@`%`", "GRANT TRIGGER ON `a``b`.* TO `b`@`%`"];
    const needed = [need("SELECT", "sh_pping"), need("SELECT", "shop"), need("TRIGGER", "a`b"), need("SELECT")];
    expect(missingRights(grants, needed)).toEqual([need("SELECT", "shop"), need("SELECT")]);
  });

  test("on single tables, columns and routines are not enough", () => {
    const grants = [
      "GRANT SELECT ON `shop`.`t` TO `b`@`%`",
      "GRANT SELECT (`a`) ON `shop`.`u` TO `b`@`%`",
      "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `b`@`%`",
    ];
    expect(missingRights(grants, [need("SELECT", "shop"), need("EXECUTE", "shop")])).toHaveLength(2);
  });

  test("have had other names", () => {
    expect(missingRights(["GRANT REPLICATION CLIENT ON *.* TO `b`@`%`"], [need("BINLOG MONITOR")])).toEqual([]);
  });
});
