/** Has the guest agent of a domain freeze and thaw its file systems. */
import { messageOf } from "@holdfast/base";
import { withinLimit } from "../../content/time-limit.ts";
import type { CallOptions, SourceWarning } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { JobOf } from "./backup-job.ts";

export interface Freezing extends JobOf, CallOptions {
  readonly source: string;
  readonly limitMs: number;
  readonly onWarning: (warning: SourceWarning) => void;
}

/**
 * Runs `work` while the guest is frozen, and thaws it whatever happens. Where it cannot be frozen, `work` runs all the same, and a
 * warning says so.
 * @throws what `work` throws, and what thawing throws
 */
export async function whileDomainFrozen<T>(
  freezing: Freezing,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly frozen: number }> {
  const { virsh, domain, source, limitMs, onWarning, signal } = freezing;
  const limit = { ms: limitMs, what: "freezing", source, setting: "freeze-time-limit" };
  let frozen = 0;
  try {
    try {
      const freeze = (inner: AbortSignal): Promise<string> => virsh.run(["domfsfreeze", domain], { signal: inner });
      const said = await withinLimit(limit, freeze, { signal });
      frozen = Number(/\d+/.exec(said)?.[0] ?? 1);
    } catch (error) {
      signal.throwIfAborted();
      const reason = messageOf(error);
      const message = `the guest was not frozen, so its disks are as after a power cut: ${reason}; say \`agent: none\` if it has no agent`;
      onWarning({ code: "not-frozen", message });
    }
    return { result: await work(), frozen };
  } finally {
    await thawDomain(freezing, frozen);
  }
}

/** Also when freezing failed: it may have come about all the same. Then nobody hears of it when this fails too. */
async function thawDomain({ virsh, domain, source }: Freezing, frozen: number): Promise<void> {
  try {
    await virsh.run(["domfsthaw", domain], { signal: new AbortController().signal });
  } catch (error) {
    if (frozen === 0) return;
    const reason = `the file systems of its guest may still be frozen, so that whatever writes in it waits: ${messageOf(error)}. Thaw it now: virsh domfsthaw ${domain}; else restart the guest`;
    throw sourcesError("SOURCES_TOOL_FAILED", { tool: "virsh", source, reason }, error);
  }
}
