/** Reads topics into a report, and says of each that could not be read why. */
import { isHoldfastError, messageOf, systemCode } from "@holdfast/base";
import type { SourceWarning } from "../../contract/source.ts";
import type { Inspection } from "../host/inspection.ts";
import { joinLines, linesOf } from "./normalise.ts";
import { type Topic, isLiveOnly } from "./topic.ts";

/** The file that says what is missing. */
export const UNREAD = "unread.txt";

/** Texts by the names of their files. */
export type Report = ReadonlyMap<string, string>;

/**
 * Every topic that applies. A topic that fails is a line in `unread.txt`, and a warning where it matters; the report on an
 * unchanged system is the same, byte for byte.
 * @throws the signal's reason, and what is nobody's fault but ours
 */
export async function collectReport(
  topics: readonly Topic[],
  inspection: Inspection,
  onWarning: (warning: SourceWarning) => void,
): Promise<Map<string, string>> {
  const report = new Map<string, string>();
  const unread: string[] = [];
  for (const topic of topics) {
    inspection.signal.throwIfAborted();
    if (isLiveOnly(topic) && !inspection.isLive) {
      unread.push(`${topic.file}: only a system that runs can be asked`);
      continue;
    }
    if (topic.applies?.(inspection) === false) continue;
    try {
      const text = await readTopic(topic, inspection);
      if (text === undefined) continue;
      report.set(topic.file, text);
      inspection.remember(topic.file, text);
    } catch (error) {
      inspection.signal.throwIfAborted();
      // What is neither of the system nor of a tool is a mistake of ours.
      if (!isHoldfastError(error) && systemCode(error) === undefined && !(error instanceof SyntaxError)) throw error;
      const reason = reasonOf(error);
      unread.push(`${topic.file}: ${reason}`);
      if (topic.isVital) onWarning({ code: "topic-unread", message: `the report lacks ${topic.about}: ${reason}` });
    }
  }
  report.set(UNREAD, joinLines(unread));
  return report;
}

/** In one line, without the name of the source, so that two reports can be compared. */
function reasonOf(error: unknown): string {
  if (isHoldfastError(error, "SOURCES_TOOL_MISSING"))
    return `the program ${String(error.details["tool"])} is not there`;
  return messageOf(error).replaceAll(/\s+/g, " ");
}

async function readTopic({ reads }: Topic, inspection: Inspection): Promise<string | undefined> {
  if ("look" in reads) return reads.look(inspection);
  if ("command" in reads) {
    const [tool, ...args] = reads.command;
    const text = await inspection.run(tool, args, reads.good);
    return reads.normalise === undefined ? joinLines(linesOf(text)) : reads.normalise(text);
  }
  const parts: string[] = [];
  for (const path of reads.files) {
    const text = await inspection.files.text(path);
    if (text === undefined) continue;
    const shown = reads.normalise === undefined ? joinLines(linesOf(text)) : reads.normalise(text);
    parts.push(...(reads.files.length === 1 ? [] : [`# ${path}`]), ...linesOf(shown));
  }
  return joinLines(parts);
}
