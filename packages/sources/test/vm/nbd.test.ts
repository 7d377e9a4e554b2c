/** The NBD client, with qemu-nbd and nbdkit at the other end. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync, closeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { GivenPiece } from "@holdfast/engine";
import { hasProgram } from "@holdfast/storage/testing";
import { afterAll, afterEach, expect, test } from "vitest";
import { DiskReader } from "../../src/vm/nbd/disk-reader.ts";
import { NbdConnection } from "../../src/vm/nbd/nbd-connection.ts";
import { ALLOCATION, dirtyBitmap } from "../../src/vm/nbd/protocol.ts";

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "hf-nbd-"));
const isPossible = hasProgram("qemu-nbd") && hasProgram("nbdkit");
const never = new AbortController().signal;
const running: ChildProcess[] = [];
let sockets = 0;
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "close");
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

async function serve(tool: string, args: (socket: string) => string[]): Promise<string> {
  const socket = join(folder, `s${sockets++}`);
  const log = openSync(join(folder, "log"), "a");
  const child = spawn(tool, args(socket), { stdio: ["ignore", log, log] });
  running.push(child);
  for (let n = 0; n < 500 && !existsSync(socket); n++) await sleep(10);
  return socket;
}

const qemuNbd = (image: string, ...more: string[]) =>
  serve("qemu-nbd", (socket) => ["-r", "-t", "-k", socket, "-x", "disk", ...more, image]);

function open(socketPath: string, contexts: string[] = [ALLOCATION], exportName = "disk") {
  return NbdConnection.open({ socketPath, source: "source x", exportName, contexts }, { signal: never });
}

async function bytesOf(pieces: AsyncIterable<GivenPiece>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece instanceof Uint8Array ? piece : Buffer.alloc(piece.zeros));
  return Buffer.concat(parts);
}

/** Bytes that differ from place to place. */
function pattern(bytes: number, seed: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let at = 0, word = seed; at < bytes; at += 4) {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    out.writeUInt32LE(word, at);
  }
  return out;
}

test.skipIf(!isPossible)("a disk with holes is read as it is, whatever range, and holes cost nothing", async () => {
  const image = join(folder, "holes.raw");
  const content = Buffer.alloc(40 * MIB);
  pattern(5 * MIB, 1).copy(content, 3 * MIB);
  pattern(MIB, 2).copy(content, 39 * MIB);
  const file = openSync(image, "w");
  writeSync(file, content, 3 * MIB, 5 * MIB, 3 * MIB);
  writeSync(file, content, 39 * MIB, MIB, 39 * MIB);
  closeSync(file);
  const connection = await open(await qemuNbd(image, "-f", "raw"));
  expect(connection.sizeBytes).toBe(content.length);
  const reader = new DiskReader(connection, { signal: never });
  for (const [start, end] of [
    [0, content.length],
    [1, 2],
    [3 * MIB - 5, 3 * MIB + 5],
    [7 * MIB + 512, 39 * MIB + 3],
    [5, 5],
  ] as const) {
    expect((await bytesOf(reader.read({ start, end }))).equals(content.subarray(start, end))).toBe(true);
  }
  const whole = new DiskReader(connection, { signal: never });
  await bytesOf(whole.read({ start: 0, end: content.length }));
  expect(whole.bytesRead).toBe(6 * MIB);
  connection.close();
});

test.skipIf(!isPossible)("what a bitmap calls dirty is what was written since", async () => {
  const image = join(folder, "dirty.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "64M"]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 1 0 8M", image]);
  execFileSync("qemu-img", ["bitmap", "--add", image, "since"]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 2 1M 64k", "-c", "write -P 3 60M 4M", image]);
  const connection = await open(await qemuNbd(image, "-f", "qcow2", "-B", "since"), [ALLOCATION, dirtyBitmap("since")]);
  expect(await new DiskReader(connection, { signal: never }).changed("since")).toEqual([
    { start: MIB, end: MIB + 65_536 },
    { start: 60 * MIB, end: 64 * MIB },
  ]);
  await expect(new DiskReader(connection, { signal: never }).changed("other")).rejects.toMatchObject({
    code: "SOURCES_TOOL_FAILED",
  });
  connection.close();
});

test.skipIf(!isPossible)("an export that is not there, and a server that is not, are said", async () => {
  const image = join(folder, "tiny.raw");
  writeFileSync(image, Buffer.alloc(4096));
  const socket = await qemuNbd(image, "-f", "raw");
  await expect(open(socket, [ALLOCATION], "other")).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
  await expect(open(join(folder, "none"))).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });
});

test.skipIf(!isPossible)(
  "another server works too; a place that it cannot read is an error, and what lies elsewhere is read all the same",
  async () => {
    const socket = await serve("nbdkit", (path) => [
      "-f",
      "-U",
      path,
      "-e",
      "disk",
      "--filter=error",
      "pattern",
      "4M",
      "error-pread=EIO",
      "error-pread-rate=100%",
      `error-file=${folder}/trigger`,
    ]);
    const connection = await open(socket);
    const expected = Buffer.alloc(2 * MIB);
    for (let at = 0; at < expected.length; at += 8) expected.writeBigUInt64BE(BigInt(at), at);
    const reader = new DiskReader(connection, { signal: never });
    expect((await bytesOf(reader.read({ start: 0, end: 2 * MIB }))).equals(expected)).toBe(true);
    writeFileSync(`${folder}/trigger`, "");
    await expect(bytesOf(reader.read({ start: 0, end: MIB }))).rejects.toMatchObject({ code: "SOURCES_TOOL_FAILED" });
    rmSync(`${folder}/trigger`);
    expect((await bytesOf(reader.read({ start: 0, end: MIB }))).equals(expected.subarray(0, MIB))).toBe(true);
    connection.close();
  },
);

test.skipIf(!isPossible)("a server that is killed in the middle, or an abort, ends what is under way", async () => {
  const arguments_ = (path: string): string[] => [
    "-f",
    "-U",
    path,
    "-e",
    "disk",
    "--filter=delay",
    "pattern",
    "64M",
    "rdelay=100ms",
  ];
  const connection = await open(await serve("nbdkit", arguments_));
  const reading = bytesOf(new DiskReader(connection, { signal: never }).read({ start: 0, end: 64 * MIB }));
  reading.catch(() => {});
  await sleep(150);
  running.at(-1)?.kill("SIGKILL");
  await expect(reading).rejects.toMatchObject({ code: "SOURCES_UNREACHABLE" });

  const abort = new AbortController();
  const place = { socketPath: await serve("nbdkit", arguments_), source: "x", exportName: "disk", contexts: [] };
  const other = await NbdConnection.open(place, { signal: abort.signal });
  const aborted = bytesOf(new DiskReader(other, { signal: abort.signal }).read({ start: 0, end: 64 * MIB }));
  aborted.catch(() => {});
  abort.abort(new Error("interrupted"));
  await expect(aborted).rejects.toThrow("interrupted");
});

test.skipIf(!isPossible)("what is no NBD server at all is refused", async () => {
  const socketPath = join(folder, "liar");
  const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2 and so on, much more than a greeting\r\n"));
  server.listen(socketPath);
  await once(server, "listening");
  await expect(open(socketPath)).rejects.toThrow(/does not speak NBD/);
  server.close();
});
