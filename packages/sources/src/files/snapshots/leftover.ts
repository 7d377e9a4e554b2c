/** What is run to undo something, whether or not the call that it belongs to was aborted. */
import type { CallOptions } from "../../contract/source.ts";

/** A snapshot that stays for ever costs more than the minute that this may take. */
const UNDO_MS = 60_000;

export function undoing(): CallOptions {
  return { signal: AbortSignal.timeout(UNDO_MS) };
}
