/** A guest agent that freezes, and does not thaw. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { whileFrozen } from "./guest-agent.ts";

test("a guest that cannot be thawed is said to stand still, with what to do about it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hf-thaw-"));
  const path = join(folder, "agent");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const text = bytes.toString("latin1").replace(/^\xff/, "");
      const { execute, arguments: given } = JSON.parse(text) as { execute: string; arguments?: { id: number } };
      const answer =
        execute === "guest-sync-delimited"
          ? { return: given?.id }
          : execute === "guest-fsfreeze-freeze"
            ? { return: 2 }
            : { error: { desc: "no" } };
      socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const { signal } = new AbortController();
    const place = { path, limitMs: 5000, source: "source web" };
    await expect(whileFrozen(place, async () => 1, { signal })).rejects.toMatchObject({
      code: "SOURCES_TOOL_FAILED",
      message: expect.stringMatching(
        /its file systems may still be frozen, .*guest-fsfreeze-thaw: no.*fsfreeze --unfreeze/,
      ),
    });
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
