/**
 * Temporary files beside their targets, named `<target>-tmp-holdfast-<16 hex digits>`: no listing takes them for files of the
 * repository, ours or restic's, as they are no 64 hex digits.
 */
import { randomBytes } from "node:crypto";

const TEMPORARY = /^(?:config|[0-9a-f]{64})-tmp-holdfast-[0-9a-f]{16}$/;

/** A fresh temporary path for `target`. */
export function temporaryFor(target: string): string {
  return `${target}-tmp-holdfast-${randomBytes(8).toString("hex")}`;
}

/** True for a name that `temporaryFor` made; other programs' temporary files are theirs to remove. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}
