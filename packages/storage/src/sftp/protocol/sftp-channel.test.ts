import { duplexPair } from "node:stream";
import { describe, expect, test } from "vitest";
import { REPLY, REQUEST } from "./numbers.ts";
import { ProtocolBreach, requestPacket } from "./packets.ts";
import { SftpCalls } from "./sftp-calls.ts";
import { ChannelLost, SftpChannel } from "./sftp-channel.ts";

const VERSION = requestPacket(REPLY.VERSION, 3, ["fsync@openssh.com", "1"]);

/** A channel to a server that we play ourselves. */
function channel({ idleMs = 60_000 } = {}) {
  const [ours, theirs] = duplexPair();
  theirs.on("error", () => {});
  theirs.resume();
  return { sftp: new SftpChannel(ours, { idleMs }), theirs };
}

describe("a channel of SFTP", () => {
  test("gives each request its own answer, in whatever order and pieces they come", async () => {
    const { sftp, theirs } = channel();
    const starting = sftp.start();
    for (const byte of VERSION) theirs.write(Buffer.of(byte));
    await starting;
    expect([...sftp.extensions]).toEqual([["fsync@openssh.com", "1"]]);
    const calls = new SftpCalls(sftp);
    const reads = [calls.read(Buffer.of(1), 0, 10), calls.read(Buffer.of(1), 10, 10)];
    const answers = [requestPacket(REPLY.DATA, 2, ["second"]), requestPacket(REPLY.DATA, 1, ["first"])];
    theirs.write(Buffer.concat(answers));
    expect((await Promise.all(reads)).map((bytes) => Buffer.from(bytes).toString())).toEqual(["first", "second"]);
  });

  test.each([
    ["Welcome to the server!\n", "print text at login"],
    [Buffer.from([0xff, 0xff, 0xff, 0xff, 2]), "print text at login"],
    [Buffer.from([0, 0, 0, 0]), "print text at login"],
    [requestPacket(REPLY.STATUS, 3, [0]), "does not begin with its version"],
    [requestPacket(REPLY.VERSION, 2, []), "older than version 3"],
    [requestPacket(REPLY.VERSION, 3, ["name without a value"]), "ends too early"],
  ])("is lost when the server begins with %j", async (bytes, words) => {
    const { sftp, theirs } = channel();
    const starting = sftp.start();
    theirs.write(bytes);
    const error = await starting.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProtocolBreach);
    expect((error as Error).message).toContain(words);
  });

  test.each([
    ["what was not asked", requestPacket(REPLY.STATUS, 77, [0]), "what was not asked"],
    ["another kind", requestPacket(REPLY.HANDLE, 1, ["handle"]), "another kind of answer"],
    ["more bytes than were asked for", requestPacket(REPLY.DATA, 1, ["x".repeat(11)]), "more or less"],
    ["nothing in place of bytes", requestPacket(REPLY.DATA, 1, [""]), "more or less"],
    ["a string that is longer than its packet", requestPacket(REPLY.DATA, 1, [1000]), "ends too early"],
  ])("takes no answer with %s", async (_, answer, words) => {
    const { sftp, theirs } = channel();
    const starting = sftp.start();
    theirs.write(VERSION);
    await starting;
    const read = new SftpCalls(sftp).read(Buffer.of(1), 0, 10);
    theirs.write(answer);
    await expect(read).rejects.toThrow(words);
  });

  test("is lost when nothing comes for too long, but only while something is due", async () => {
    const { sftp, theirs } = channel({ idleMs: 100 });
    const starting = sftp.start();
    theirs.write(VERSION);
    await starting;
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(sftp.isLost).toBe(false);
    await expect(sftp.request(REQUEST.STAT, "path")).rejects.toBeInstanceOf(ChannelLost);
    expect(sftp.isLost).toBe(true);
    await expect(sftp.request(REQUEST.STAT, "path")).rejects.toBeInstanceOf(ChannelLost);
  });

  test("that ends fails what is under way", async () => {
    const { sftp, theirs } = channel();
    const starting = sftp.start();
    theirs.write(VERSION);
    await starting;
    const asked = [sftp.request(REQUEST.STAT, "a"), sftp.request(REQUEST.STAT, "b")];
    theirs.end();
    for (const outcome of await Promise.allSettled(asked)) expect(outcome.status).toBe("rejected");
  });
});
