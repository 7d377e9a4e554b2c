import { expect, test } from "vitest";
import { parseTcp, parseUnix } from "./sockets.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const row = (local: string, state: string, uid: number, inode: number): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 0000000000000000 100 0 0 10 0`;

test.for<[local: string, address: string, port: number]>([
  ["0100007F:1538", "127.0.0.1", 5432],
  ["00000000:0CEA", "0.0.0.0", 3306],
  ["00000000000000000000000000000000:18EB", "::", 6379],
  ["00000000000000000000000001000000:18EB", "::1", 6379],
  ["0000000000000000FFFF00000100007F:18EB", "127.0.0.1", 6379],
  ["B80D01200000000000000000010000FE:18EB", "2001:db8:0:0:0:0:fe00:1", 6379],
])("%s is %s port %i", ([local, address, port]) => {
  expect(parseTcp(HEAD + row(local, "0A", 113, 77))).toEqual([{ address, port, uid: 113, inode: "77" }]);
});

test("connections are no listeners", () => {
  expect(parseTcp(HEAD + row("0100007F:1538", "01", 0, 5))).toEqual([]);
});

test("of sockets with a path, those that accept connections", () => {
  const text = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000000000000000: 00000002 00000000 00010000 0001 01 22816 /run/my db.sock",
    "0000000000000000: 00000003 00000000 00000000 0001 03 22817 /run/connected.sock",
    "0000000000000000: 00000002 00000000 00010000 0001 01 22818 @abstract",
    "0000000000000000: 00000003 00000000 00000000 0001 03 22819",
  ].join("\n");
  expect(parseUnix(text)).toEqual([{ inode: "22816", path: "/run/my db.sock" }]);
});
