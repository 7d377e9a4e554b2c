/** Errors as HTTP has them. */
import { isHoldfastError } from "@holdfast/base";

/** How a failure is answered. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Why, for people; never a secret, never a path of the server. */
  readonly text: string;
  /** The code of the error, for log and metrics. */
  readonly code: string;
}

const RETRY_AFTER = { "Retry-After": "5" };
/** The header by which clients tell refusals apart. */
const refusal = (reason: string): Readonly<Record<string, string>> => ({ "Holdfast-Refusal": reason });

const ANSWERS: Readonly<Record<string, { status: number; headers?: Readonly<Record<string, string>> }>> = {
  SERVER_BAD_PATH: { status: 400 },
  SERVER_BAD_NAME: { status: 400 },
  SERVER_BAD_LENGTH: { status: 400 },
  SERVER_NAME_MISMATCH: { status: 400 },
  SERVER_NO_LENGTH: { status: 411 },
  SERVER_TOO_LARGE: { status: 413 },
  SERVER_RANGE: { status: 416 },
  SERVER_METHOD: { status: 405 },
  SERVER_NO_FILE: { status: 404 },
  SERVER_EXISTS: { status: 403, headers: refusal("append-only") },
  SERVER_EXISTS_DAMAGED: { status: 409 },
  SERVER_STALLED: { status: 408 },
  SERVER_CUT: { status: 400 },
  SERVER_REPLAY: { status: 503, headers: RETRY_AFTER },
  SERVER_BUSY: { status: 503, headers: RETRY_AFTER },
  SERVER_HASHING: { status: 503, headers: RETRY_AFTER },
  SERVER_ENDING: { status: 503, headers: RETRY_AFTER },
  SERVER_TRASH_BUSY: { status: 503, headers: RETRY_AFTER },
  SERVER_CREDENTIALS: { status: 401, headers: { "WWW-Authenticate": 'Basic realm="holdfast", charset="UTF-8"' } },
  SERVER_OTHER_REPOSITORY: { status: 403, headers: refusal("role") },
  SERVER_ROLE: { status: 403, headers: refusal("role") },
  SERVER_APPEND_ONLY: { status: 403, headers: refusal("append-only") },
  SERVER_FOREIGN_LOCK: { status: 403, headers: refusal("append-only") },
  SERVER_TOO_MANY_LOCKS: { status: 403, headers: refusal("role") },
  SERVER_KEY_SET: { status: 403, headers: refusal("role") },
  SERVER_TOO_YOUNG: { status: 403, headers: refusal("retention") },
  SERVER_AGE_UNKNOWN: { status: 403, headers: refusal("retention") },
  SERVER_CLOCK_DOUBT: { status: 403, headers: refusal("retention") },
  SERVER_QUOTA: { status: 507 },
  SERVER_UNPLANNED: { status: 403, headers: refusal("plan") },
  SERVER_NO_PLAN: { status: 404 },
  SERVER_BAD_PLAN: { status: 400 },
  SERVER_PLAN_FILE: { status: 409 },
  SERVER_TOO_MANY_PLANS: { status: 409 },
  SERVER_PLAN_OVER: { status: 409 },
  SERVER_PLAN_DAMAGED: { status: 409 },
  SERVER_SIGNATURE: { status: 403, headers: refusal("plan") },
  SERVER_OWN_PLAN: { status: 403, headers: refusal("plan") },
  SERVER_APPROVED_BEFORE: { status: 409 },
  SERVER_NO_APPROVERS: { status: 409 },
  SERVER_APPROVERS_LOST: { status: 403, headers: refusal("plan") },
  STORAGE_NOT_FOUND: { status: 404 },
  STORAGE_FULL: { status: 507 },
};

/**
 * The answer to anything thrown. What a backend says may name paths and machines that are no client's business, so its errors are
 * told by their kind alone; the log has all of it.
 */
export function refusalOf(error: unknown): Refusal {
  if (!isHoldfastError(error)) return { status: 500, headers: {}, text: "the server failed", code: "UNKNOWN" };
  const { code, message, transient, details } = error;
  const answer = ANSWERS[code];
  if (code.startsWith("SERVER_") && answer !== undefined) {
    // Only the retention lock knows a time.
    const until = typeof details["until"] === "string" ? { "Holdfast-Retained-Until": details["until"] } : {};
    return { status: answer.status, headers: { ...answer.headers, ...until }, text: message, code };
  }
  if (answer !== undefined) {
    const text = code === "STORAGE_FULL" ? "no space is left where the repositories are" : "there is no such file";
    return { status: answer.status, headers: {}, text, code };
  }
  if (transient)
    return { status: 503, headers: RETRY_AFTER, text: "the place of the repositories does not answer", code };
  return { status: 500, headers: {}, text: "the place of the repositories failed; the server's log says how", code };
}
