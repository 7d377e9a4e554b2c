/** What sources get of this process. */
import { hostname, tmpdir } from "node:os";
import type { SourceRun } from "@holdfast/protection/configured";
import type { CommandContext } from "../context.ts";

export function sourceRun({ variables }: CommandContext, host = hostname()): SourceRun {
  return {
    environment: variables.forPrograms,
    hostname: host,
    temporary: variables.plain("TMPDIR") ?? tmpdir(),
  };
}
