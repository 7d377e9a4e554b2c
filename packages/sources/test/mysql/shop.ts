/** Databases with everything that a dump can lose, and a writer whose sum never changes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { MariadbServer } from "./mariadb-server.ts";

export const ACCOUNTS = 100;
export const SUM = ACCOUNTS * 1000;

/** A name that looks like the beginning of a database in a dump. */
const TRAP = "x\n\n--\n-- Current Database: `billing`\n--\n\nUSE `billing`;";

const SEED = `
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE DATABASE billing;
CREATE DATABASE stock;
CREATE DATABASE \`odd/na"me ü\`;
USE shop;
CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL);
INSERT INTO account SELECT seq, 1000 FROM seq_1_to_${ACCOUNTS};
CREATE TABLE transfer (id INT PRIMARY KEY AUTO_INCREMENT, source INT, target INT, amount INT,
  FOREIGN KEY (source) REFERENCES account (id), FOREIGN KEY (target) REFERENCES account (id));
DELIMITER //
CREATE PROCEDURE pay(IN n INT)
BEGIN
-- Current Database: \`billing\`
  DECLARE a, b INT;
  SET a = 1 + n % ${ACCOUNTS};
  SET b = 1 + (n * 7 + 3) % ${ACCOUNTS};
  START TRANSACTION;
  UPDATE account SET balance = balance - n % 13 WHERE id = a;
  UPDATE account SET balance = balance + n % 13 WHERE id = b;
  INSERT INTO transfer (source, target, amount) VALUES (a, b, n % 13);
  INSERT INTO billing.entry (amount) VALUES (n % 13);
  COMMIT;
END//
CREATE FUNCTION doubled(n INT) RETURNS INT DETERMINISTIC RETURN n * 2//
CREATE TRIGGER filled BEFORE INSERT ON transfer FOR EACH ROW SET NEW.amount = COALESCE(NEW.amount, 0)//
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DO DELETE FROM stock.filler WHERE id < 0//
DELIMITER ;
CREATE VIEW rich AS SELECT id, doubled(balance) AS twice FROM account WHERE balance > 0;
USE stock;
CREATE TABLE filler (id INT PRIMARY KEY, text TEXT, bin BLOB, at TIMESTAMP, twice INT AS (id * 2) STORED, flag BIT(3), INDEX (at));
INSERT INTO filler (id, text, bin, at, flag) SELECT seq, MD5(seq), UNHEX(MD5(seq + 1)), '2026-01-01 00:00:00' + INTERVAL seq SECOND, seq % 8 FROM seq_1_to_20000;
INSERT INTO filler (id, text, bin, at) VALUES (30000, 'it''s\\n-- Current Database: \`billing\`\\n(\\\\\\'"', X'00270A5C', NULL);
CREATE TABLE \`t(\`\` ;\n'x\` (\`a b\` INT, \`${TRAP.replaceAll("`", "``")}\` VARCHAR(50) DEFAULT 'a;''\\\\' COMMENT '\\n-- Current Database: \`x\`\\n');
INSERT INTO \`t(\`\` ;\n'x\` VALUES (1, '('), (2, ');'), (3, NULL);
CREATE TABLE history (a INT PRIMARY KEY, b INT) WITH SYSTEM VERSIONING;
INSERT INTO history VALUES (1, 1), (2, 2);
UPDATE history SET b = 3 WHERE a = 1;
CREATE SEQUENCE numbers START WITH 100;
DO NEXTVAL(numbers);
USE billing;
CREATE TABLE entry (id INT PRIMARY KEY AUTO_INCREMENT, amount INT);
CREATE VIEW total AS SELECT SUM(amount) AS total FROM entry JOIN shop.rich ON FALSE;
USE \`odd/na"me ü\`;
CREATE TABLE t (a INT PRIMARY KEY) COMMENT 'ü';
INSERT INTO t VALUES (1), (2);
CREATE USER app@'10.0.0.%' IDENTIFIED BY 'app';
CREATE ROLE reader;
GRANT SELECT ON shop.* TO reader;
GRANT EXECUTE ON PROCEDURE shop.pay TO app@'10.0.0.%';
GRANT reader TO app@'10.0.0.%';
SET DEFAULT ROLE reader FOR app@'10.0.0.%';
CREATE USER backup@localhost IDENTIFIED BY 'p"a ss#\\\\w''';
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICATION SLAVE ON *.* TO backup@localhost;
`;

/** The password of the account `backup`. */
export const PASSWORD = `p"a ss#\\w'`;

export function seedShop(server: MariadbServer): void {
  server.sql(SEED);
}

export const DATABASES = ["billing", 'odd/na"me ü', "shop", "stock"];

/** All that must come back, as text that can be compared. */
export function fingerprint(server: MariadbServer, { withMoney = false } = {}): string[] {
  const money = withMoney ? "SELECT * FROM shop.account; SELECT COUNT(*), SUM(amount) FROM shop.transfer;" : "";
  return server
    .sql(`${money}
SELECT COUNT(*), SUM(CRC32(CONCAT_WS('/', id, text, HEX(bin), at, twice, flag + 0))) FROM stock.filler;
SELECT * FROM stock.filler WHERE id = 30000;
SELECT * FROM stock.\`t(\`\` ;\n'x\`;
SELECT a, b, row_start, row_end FROM stock.history FOR SYSTEM_TIME ALL ORDER BY a, row_start;
SELECT * FROM \`odd/na"me ü\`.t;
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('shop', 'stock', 'billing', 'odd/na"me ü') ORDER BY 1, 2;
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ('shop', 'stock', 'billing') ORDER BY 1, 2, 3;
SELECT ROUTINE_NAME, MD5(ROUTINE_DEFINITION), DEFINER, SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'shop' ORDER BY 1;
SELECT TRIGGER_NAME, MD5(ACTION_STATEMENT), DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop' ORDER BY 1;
SELECT EVENT_NAME, EVENT_DEFINITION, INTERVAL_VALUE, STATUS, STARTS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'shop' ORDER BY 1;
SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN ('shop', 'billing') ORDER BY 1;
SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ('shop', 'stock', 'billing', 'odd/na"me ü') ORDER BY 1;`)
    .split("\n");
}

/** Pays from account to account until it is ended, in one session. */
export async function startWriter(server: MariadbServer): Promise<ChildProcess> {
  const writer = spawn("mariadb", ["--no-defaults", "-uroot", "-S", server.socket, "--batch", "shop"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const before = Number(server.sql("SELECT COUNT(*) FROM shop.transfer"));
  writer.stdin.on("error", () => {});
  writer.stdin.write(
    "DELIMITER //\nBEGIN NOT ATOMIC DECLARE n INT DEFAULT 0; WHILE TRUE DO CALL pay(n); SET n = n + 1; DO SLEEP(0.002); END WHILE; END//\n",
  );
  for (let n = 0; n < 200; n++) {
    if (Number(server.sql("SELECT COUNT(*) FROM shop.transfer")) > before) return writer;
    await sleep(20);
  }
  throw new Error("the writer does not write");
}

/** Ends it, and what it has begun. */
export async function endWriter(writer: ChildProcess, server: MariadbServer): Promise<void> {
  if (writer.exitCode === null && writer.signalCode === null) {
    const ended = once(writer, "close");
    writer.kill("SIGKILL");
    await ended;
  }
  if (!server.isRunning) return;
  // The server goes on with a loop whose client is gone.
  const threads = server.sql(
    "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'shop' AND COMMAND = 'Query' AND ID <> CONNECTION_ID() AND USER = 'root'",
  );
  for (const id of threads.split("\n").filter((each) => each !== "")) {
    try {
      server.sql(`KILL ${id}`);
    } catch {
      // It has ended by itself.
    }
  }
}
