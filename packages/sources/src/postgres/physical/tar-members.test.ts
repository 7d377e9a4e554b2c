/** Tar archives as streams. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { tarMembers } from "./tar-members.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-tar-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size: number, isTaken: (path: string) => boolean = () => true) {
  const found: Record<string, string> = {};
  for await (const { path, type, sizeBytes, mode, content } of tarMembers(pieces(bytes, size))) {
    const parts: Uint8Array[] = [];
    if (isTaken(path)) for await (const part of content) parts.push(Buffer.from(part));
    const whole = Buffer.concat(parts);
    if (isTaken(path) && type === "file") expect(whole).toHaveLength(sizeBytes);
    found[path] = `${type} ${mode.toString(8)} ${whole.toString("latin1")}`;
  }
  return found;
}

const long = `${"deep/".repeat(25)}end`;
mkdirSync(join(folder, "in", long, ".."), { recursive: true });
mkdirSync(join(folder, "in/empty"), { mode: 0o700 });
writeFileSync(join(folder, "in/a"), "content of a", { mode: 0o600 });
writeFileSync(join(folder, "in/b"), "");
writeFileSync(join(folder, "in/c"), "x".repeat(512));
writeFileSync(join(folder, "in", long), "far");
const archive = execFileSync("tar", ["--format=ustar", "-C", join(folder, "in"), "-c", "."], { maxBuffer: 1e9 });

describe("a tar archive", () => {
  test("is read whatever pieces it comes in, and whatever is taken of it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), async (size) => {
        const found = await read(archive, size);
        expect(found).toMatchObject({
          a: "file 600 content of a",
          b: expect.stringMatching(/^file \d+ $/),
          c: expect.stringMatching(/^file \d+ x{512}$/),
          empty: "folder 700 ",
          [long]: expect.stringMatching(/^file \d+ far$/),
        });
        expect(Object.keys(await read(archive, size, (path) => path === "c"))).toEqual(Object.keys(found));
      }),
      { numRuns: 20 },
    );
  });

  test("that breaks off anywhere, or is none, is a failure", async () => {
    const end = archive.lastIndexOf("far") + 512;
    for (const length of [1, 511, 512, 700, 1500, end - 600, end - 512]) {
      await expect(read(archive.subarray(0, length), 100)).rejects.toThrow("broke off");
    }
    await expect(read(Buffer.alloc(5000, "no archive "), 100)).rejects.toThrow("no tar archive");
  });
});
