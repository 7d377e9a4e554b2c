/** Images that are restored, of a machine that does not run. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasProgram } from "@holdfast/storage/testing";
import { expect, test } from "vitest";
import { SourceLab } from "../../src/testing/index.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";

const { signal } = new AbortController();
const canRun = ["qemu-nbd", "qemu-img"].every((name) => hasProgram(name));

test.skipIf(!canRun)("images are for their owner only, in whatever format and folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hf-vm-r-"));
  const lab = await SourceLab.open();
  try {
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", join(folder, "a.qcow2"), "1M"]);
    const settings = vmKind.settings.parse({ disks: [join(folder, "a.qcow2")] });
    const source = vmKind.open("web", settings, lab.surroundings());
    await lab.capture(source, { kind: "vm", name: "web" });
    for (const format of ["raw", "qcow2"]) {
      const target = lab.newFolder();
      chmodSync(target, 0o755);
      const options = { folder: target, settings: { format }, signal, onWarning: () => {}, onStep: () => {} };
      await source.restore(await lab.captured(), options);
      const files = readdirSync(target).map((name) => [name, statSync(join(target, name)).mode & 0o777]);
      expect(files).toEqual([[`a.${format}`, 0o600]]);
    }
  } finally {
    lab.remove();
    rmSync(folder, { recursive: true });
  }
});
