import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dumpPieces } from "./dump-pieces.ts";
import { DumpScanner } from "./dump-scanner.ts";

const HEAD = `/*M!999999\\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Server version	10.11.19-MariaDB

/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
-- CHANGE MASTER TO MASTER_USE_GTID=slave_pos;

-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000007', MASTER_LOG_POS=1411408;

`;
const TAIL = `
-- SET GLOBAL gtid_slave_pos='0-1-23';
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;

-- Dump completed
`;
const begin = (name: string): string => `--\n-- Current Database: \`${name}\`\n--\n\n`;
const TABLES = {
  a: `CREATE DATABASE \`a\`;

USE \`a\`;

--
-- Table structure for table \`t\`
--
DROP TABLE IF EXISTS \`t\`;
CREATE TABLE \`t\` (
  \`x
-- Current Database: \`\`b\`\`
\` int,
  \`y\` varchar(9) DEFAULT 'it''s;\\'' COMMENT '(\\n-- Current Database: \`b\`\\n'
) ENGINE=InnoDB;
INSERT INTO \`t\` VALUES (1,'(\\'),(;'),(2,'\\\\'),
(3,NULL);
INSERT INTO \`t\` VALUES (4,'--');
CREATE TABLE \`e(\`\`
;\` (
  \`a\` int
);
INSERT INTO \`e(\`\`
;\` (\`a\`, \`b\`) VALUES (1,_binary '()'),(2,0x2829);
CREATE TABLE \`empty\` (
  \`a\` int
);
`,
  b: "CREATE DATABASE `b`;\n\nUSE `b`;\n\n/*!50001 CREATE VIEW `v` AS SELECT\n 1 AS `;`*/;\n",
};
const VIEWS = {
  a: "USE `a`;\n\n",
  b: "USE `b`;\n/*!50001 CREATE VIEW `v` AS select '-- Current Database: `a`' AS `;` */;\n",
};
const DUMP = `${HEAD}${begin("a")}${TABLES.a}${begin("b")}${TABLES.b}${begin("a")}${VIEWS.a}${begin("b")}${VIEWS.b}${TAIL}`;

async function* inPieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(dump: string, sizes: readonly number[] = [65_536], databases = ["a", "b"]) {
  const scanner = new DumpScanner(databases);
  const pieces: { database: string; phase: string; text: string }[] = [];
  for await (const { database, phase, content } of dumpPieces(inPieces(Buffer.from(dump), sizes), scanner)) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    pieces.push({ database, phase, text: Buffer.concat(parts).toString() });
  }
  return { pieces, scanner };
}

/** Without the frame of comments around the next beginning. */
const bare = (text: string): string => text.replaceAll(/^--\n/gm, "").trim();

describe("a dump of several databases", () => {
  test("is cut where a database begins, and nowhere else", async () => {
    const { pieces, scanner } = await read(DUMP);
    expect(pieces.map(({ database, phase }) => `${database} ${phase}`)).toEqual([
      "a tables",
      "b tables",
      "a views",
      "b views",
    ]);
    expect(pieces.map(({ text }) => bare(text))).toEqual([TABLES.a, TABLES.b, VIEWS.a, VIEWS.b].map(bare));
    expect(scanner.position).toEqual({ file: "bin.000007", position: "1411408", gtid: "0-1-23" });
    expect(Buffer.from(scanner.preamble).toString()).toBe(
      "/*!40101 SET NAMES utf8mb4 */;\n/*!40103 SET TIME_ZONE='+00:00' */;\n\n",
    );
  });

  test("counts the rows of each table, whatever stands in them", async () => {
    const { scanner } = await read(DUMP);
    expect(Object.fromEntries(scanner.rows.get("a") ?? [])).toEqual({ t: 4, "e(`\n;": 2, empty: 0 });
    expect(scanner.rows.get("b")?.size).toBe(0);
  });

  test("gives the same however its bytes arrive", async () => {
    const whole = await read(DUMP);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 }), async (sizes) => {
        const { pieces, scanner } = await read(DUMP, sizes);
        expect(pieces).toEqual(whole.pieces);
        expect(scanner.rows).toEqual(whole.scanner.rows);
      }),
      { numRuns: 60 },
    );
    expect((await read(DUMP, [1])).pieces).toEqual(whole.pieces);
  });

  test("is refused unless it is whole", async () => {
    const bytes = Buffer.from(DUMP);
    const end = DUMP.indexOf("-- Dump completed") + "-- Dump completed".length;
    for (let length = 0; length < end; length += 37) {
      await expect(read(bytes.subarray(0, length).toString()), `${length}`).rejects.toThrow(/breaks off|begins? with/);
    }
    await expect(read(DUMP, [4096], ["a", "b", "c"])).rejects.toThrow("goes on with the database a, where");
    await expect(read(DUMP, [4096], ["b"])).rejects.toThrow("goes on with the database a, where");
    const withoutViews = DUMP.slice(0, DUMP.lastIndexOf(begin("a"))) + TAIL;
    await expect(read(withoutViews)).resolves.toBeDefined();
    await expect(read(withoutViews, [4096], ["a", "b", "c"])).rejects.toThrow("does not hold the database c");
  });
});
