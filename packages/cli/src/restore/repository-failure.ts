/** When another copy of a repository is gone over to. */
import { isHoldfastError } from "@holdfast/base";
import { STORAGE_ERRORS } from "@holdfast/storage";

/** How long a call is repeated while another copy is at hand: a short cut in the line is no reason to change over. */
export const COPY_PATIENCE_MS = 60_000;

/** Kinds of errors of places that are the user's to mend: another copy would do no better. */
const NOT_OF_THE_PLACE: ReadonlySet<string> = new Set(["invalid-input", "unsupported", "internal"]);

/** Whether an error tells of the repository or its place, so that another copy may do better. */
export function isRepositoryFailure(error: unknown): boolean {
  if (!isHoldfastError(error)) return false;
  if (error.kind === "corrupt" || error.kind === "locked" || error.code === "ENGINE_NO_REPOSITORY") return true;
  return error.code in STORAGE_ERRORS && !NOT_OF_THE_PLACE.has(error.kind);
}
