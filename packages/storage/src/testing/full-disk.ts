/** What every place owes when there is no room left: an error that says so, nothing half written, and use of what is freed. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { expect } from "vitest";
import type { Backend } from "../backend.ts";
import { expectBytes, expectClearedUp, get, put, unaborted } from "./conformance-subject.ts";
import { sampleFile } from "./sample-files.ts";
import { withSmallDisk } from "./small-disk.ts";

const MIB = 1024 * 1024;

/**
 * @param folder where the repository lies; a small disk is mounted there
 * @param options `leavesEmptyFile`: the server is known not to clear up, and another try has to replace what is left
 * @returns the code of the error that a file gets which is too large
 */
export async function fillUp(
  folder: string,
  open: () => Promise<Backend>,
  { leavesEmptyFile = false } = {},
): Promise<string> {
  let code = "";
  await withSmallDisk(folder, 6, async () => {
    const backend = await open();
    await backend.initialize(unaborted());
    const large = sampleFile("pack", 8 * MIB);
    const error: unknown = await put(backend, large).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!isHoldfastError(error)) throw new Error("a full disk is no error of ours", { cause: error });
    code = error.code;
    if (leavesEmptyFile) expect(await backend.stat(large.key, unaborted())).toMatchObject({ sizeBytes: 0 });
    else {
      await expectClearedUp({ backend, clearsUpLate: true }, large.key);
      const left = (): string[] => filesBelow(join(folder, "data"));
      await expect.poll(left, { timeout: 5000 }).toEqual([]);
    }
    for (const file of [sampleFile("pack", MIB), ...(leavesEmptyFile ? [large] : [])]) {
      if (file === large) execFileSync("mount", ["-o", "remount,size=32m", folder]);
      await put(backend, file);
      expectBytes(await get(backend, file.key), file.bytes);
    }
    await backend.close();
  });
  return code;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}
