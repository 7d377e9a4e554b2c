/**
 * Names of what a capture makes in a machine's QEMU. They say which process made it, so that what a killed one has left is told from what
 * another still needs.
 */
import { createHash, randomBytes } from "node:crypto";
import { processStart } from "@holdfast/base";

const PREFIX = "hf-";
const NAME = /^hf-(\d+)-([0-9a-z]+)-/;

/** The beginning of all names of this process. QEMU allows a node 31 characters. */
export async function ourPrefix(): Promise<string> {
  return `${PREFIX}${process.pid}-${(await startOf(process.pid)) ?? "0"}-`;
}

/** Whether some Holdfast has made it. */
export function isOurs(name: string): boolean {
  return NAME.test(name);
}

/** The process that has made it, as far as that still runs. */
export async function ownerOf(name: string): Promise<number | undefined> {
  const [, pid, start] = NAME.exec(name) ?? [];
  if (pid === undefined) return undefined;
  return (await startOf(Number(pid))) === start ? Number(pid) : undefined;
}

/** With its number, that names a process for good. */
async function startOf(pid: number): Promise<string | undefined> {
  return (await processStart(pid))?.toString(36);
}

/** What sets bitmaps of one source in one repository apart from all others in the same disk. */
export interface Line {
  readonly repository: string;
  readonly hostname: string;
  readonly name: string;
}

/** The beginning of names of a line's bitmaps; each marks the moment of one capture. */
export function bitmapPrefix({ repository, hostname, name }: Line): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([repository, hostname, name]))
    .digest("hex");
  return `holdfast-${hash.slice(0, 12)}-`;
}

export function newBitmap(line: Line): string {
  return `${bitmapPrefix(line)}${Date.now().toString(36)}-${randomBytes(3).toString("hex")}`;
}
