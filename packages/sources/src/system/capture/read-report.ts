/** The report of a system, out of a snapshot or out of a capture that is being made. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions, Capture } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Report } from "../topics/collect.ts";
import { REPORT } from "./layout.ts";

/** What is larger is no text of a report. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Every text of the report by the name of its file; of raw bytes of disks, their hash. @throws SOURCES_DAMAGED */
export async function readReport(captured: CapturedTree, { signal }: CallOptions): Promise<Report> {
  const report = new Map<string, string>();
  const visit = async (folder: string): Promise<void> => {
    for (const { path, type, sizeBytes } of await captured.list(folder, { signal })) {
      if (type === "folder") await visit(path);
      if (type !== "file") continue;
      if (sizeBytes > MAX_BYTES) {
        throw sourcesError("SOURCES_DAMAGED", { what: path, reason: `it has ${sizeBytes} bytes` });
      }
      const name = posix.relative(REPORT, path);
      report.set(name, textOf(name, await collect(captured.read(path, { signal }))));
    }
  };
  await visit(REPORT);
  return report;
}

/** The same of a capture, of which nothing else is taken. The capture is not closed. */
export async function reportInCapture(capture: Capture): Promise<Report> {
  const [at = ""] = capture.paths;
  const report = new Map<string, string>();
  for await (const entry of capture.entries) {
    const name = posix.relative(posix.join(at, REPORT), entry.path);
    if (entry.kind === "file" && !name.startsWith("..")) report.set(name, textOf(name, await collect(entry.content)));
  }
  return report;
}

function textOf(name: string, bytes: Buffer): string {
  if (!name.endsWith(".img")) return bytes.toString("utf8");
  return `sha256 ${createHash("sha256").update(bytes).digest("hex")}, ${bytes.length} bytes\n`;
}

async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}
