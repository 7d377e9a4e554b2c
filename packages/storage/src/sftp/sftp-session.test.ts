import { duplexPair } from "node:stream";
import { describe, expect, test } from "vitest";
import { REPLY, STATUS } from "./protocol/numbers.ts";
import { requestPacket } from "./protocol/packets.ts";
import { startSession } from "./sftp-session.ts";

const KIB = 1024;
const VERSION = requestPacket(REPLY.VERSION, 3, ["limits@openssh.com", "1"]);

/** A session with a server that we play ourselves; it has started before the server says anything of its limits. */
async function session() {
  const [ours, theirs] = duplexPair();
  theirs.on("error", () => {});
  theirs.resume();
  const starting = startSession(ours, { idleMs: 60_000 });
  theirs.write(VERSION);
  const started = await starting;
  const answer = async (bytes: Uint8Array): Promise<void> => {
    theirs.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { started, answer };
}

const limits = (read: number, write: number): Uint8Array =>
  requestPacket(REPLY.EXTENDED, 1, [BigInt(512 * KIB), BigInt(read), BigInt(write), 0n]);

describe("a session", () => {
  test("asks for as much as every server takes until it knows more", async () => {
    const { started, answer } = await session();
    expect(started).toMatchObject({ readBytes: 32 * KIB, writeBytes: 32 * KIB });
    await answer(limits(100 * KIB, 255 * KIB));
    expect(started).toMatchObject({ readBytes: 100 * KIB, writeBytes: 255 * KIB });
  });

  test("asks for no more than it likes to hold, and for little where there is no limit", async () => {
    const { started, answer } = await session();
    await answer(limits(64 * KIB * KIB, 0));
    expect(started).toMatchObject({ readBytes: 256 * KIB, writeBytes: 32 * KIB });
  });

  test("goes on with little when the server does not tell", async () => {
    const { started, answer } = await session();
    await answer(requestPacket(REPLY.STATUS, 1, [STATUS.UNSUPPORTED, "no", ""]));
    expect(started).toMatchObject({ readBytes: 32 * KIB, writeBytes: 32 * KIB });
    expect(started.calls.channel.isLost).toBe(false);
  });

  test.each([
    ["another kind", requestPacket(REPLY.HANDLE, 1, ["handle"])],
    ["too few numbers", requestPacket(REPLY.EXTENDED, 1, [1n])],
  ])("ends when the server answers with %s", async (_, packet) => {
    const { started, answer } = await session();
    await answer(packet);
    expect(started.calls.channel.isLost).toBe(true);
  });
});
