/** Tells what a backup says while it runs. */
import type { BackupEvent } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { warnUnrecorded } from "../evidence/record.ts";
import { shortId } from "../snapshot-json.ts";
import { reportCounted, reportItem } from "./item-report.ts";
import { reportProblem, reportRepository } from "./report.ts";

export function tellBackup({ output }: CommandContext, event: BackupEvent): void {
  if (event.kind === "problem") reportProblem(event.problem, output);
  else if (event.kind === "unrecorded") warnUnrecorded({ output }, event.error);
  else if (event.kind === "item") reportItem(event.item, output);
  else if (event.kind === "counted") reportCounted(event, output);
  else if (event.kind === "repository") reportRepository(event.path, output);
  else if (event.kind === "parent") {
    output.message(
      event.id === undefined
        ? "there is no parent snapshot: every file is read"
        : `the parent is snapshot ${shortId(event.id)}`,
      1,
    );
  }
}
