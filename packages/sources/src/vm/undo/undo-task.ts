/** What another process has to undo should this one be killed in the middle of a capture. */
import type { AgentPlace } from "../agent/guest-agent.ts";

export interface UndoTask {
  readonly agent?: AgentPlace | undefined;
  readonly qmp?: { readonly path: string; readonly prefix: string } | undefined;
  /** A domain whose backup job is ended, if that uses the folder `marker`. */
  readonly libvirt?:
    | {
        readonly program: string;
        readonly uri: string;
        readonly domain: string;
        readonly marker: string;
        readonly thaws: boolean;
      }
    | undefined;
  /** Removed. */
  readonly folder: string;
}
