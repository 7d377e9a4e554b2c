/** What another process has to undo should this one be killed in the middle of a capture. */
import type { AgentPlace } from "../agent/guest-agent.ts";

export interface UndoTask {
  readonly agent?: AgentPlace | undefined;
  readonly qmp?: { readonly path: string; readonly prefix: string } | undefined;
  /** Removed. */
  readonly folder: string;
}
