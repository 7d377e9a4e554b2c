/** The kind `vm`, with a machine that this test makes and that writes to its disks all the time. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { sourceConformance } from "../../src/testing/index.ts";
import { vmKind } from "../../src/vm/vm-kind.ts";
import { type Guest, canRunGuests, countsOf, makeGuest } from "./guest.ts";
import { RunningGuest } from "./running-guest.ts";

let images: Guest;
let guest: RunningGuest;
const folder = mkdtempSync(join(tmpdir(), "hf-vm-t-"));
beforeAll(async () => {
  if (!canRunGuests) return;
  images = makeGuest(join(folder, "made"), { work: true });
  guest = await RunningGuest.start(images, join(folder, "g"));
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!canRunGuests)("a machine that runs", () => {
  sourceConformance(vmKind, async () => {
    return {
      settings: {
        qmp: guest.qmp,
        agent: guest.agent,
        proof: { console: "^HEALTH-OK", agent: true, accelerator: "tcg", memory: "256M" },
      },
      broken: [
        { what: "no such monitor", settings: { qmp: join(folder, "absent") }, code: "SOURCES_UNREACHABLE" },
        { what: "a disk that is not there", settings: { "exclude-disks": ["floppy"] }, code: "SOURCES_SETTINGS" },
        { what: "no disk left", settings: { "exclude-disks": ["system", "data"] }, code: "SOURCES_SETTINGS" },
      ],
      async destroy() {
        await guest.end("SIGKILL");
        for (const path of Object.values(images)) writeFileSync(path, "");
      },
      target: { form: "folder" },
      async assertRestored(target: string) {
        expect(readdirSync(target).sort()).toEqual(["data.raw", "system.raw"]);
        const counts = countsOf(join(target, "system.raw"), join(target, "data.raw"));
        expect(counts.first).toBeGreaterThan(0);
        expect([counts.second, counts.second + 1]).toContain(counts.first);
      },
      async isQuiet() {
        return (await guest.leftovers()).length === 0 && (await guest.freezeStatus()) === "thawed";
      },
      close: () => guest.end("SIGKILL"),
    };
  });
});
