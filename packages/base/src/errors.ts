/**
 * The one error class of Holdfast, and the way a package declares its errors.
 *
 * A package lists its errors in one `errors.ts` table (code, kind, message, hint). Only the edge (the command line, later
 * HTTP) turns a kind into an exit code or a status; nothing ever matches on message text.
 */

/** What sort of failure it is; decides exit code and whether a retry can make sense. */
export type ErrorKind =
  | "invalid-input"
  | "not-found"
  | "conflict"
  | "locked"
  | "permission"
  | "wrong-key"
  | "unavailable"
  | "corrupt"
  | "unsupported"
  | "external-tool"
  | "cancelled"
  | "internal";

/** Facts about one failure, for people and for programs. Never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** One row of a package's error table. `message` and `hint` may name details as `{detail}`. */
export interface ErrorTemplate {
  readonly kind: ErrorKind;
  readonly message: string;
  /** The next step for the person who reads the message. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly transient?: boolean;
}

const BRAND = Symbol.for("holdfast.error");

/** An error with a stable code. Plain data survives a hop to another thread by `toJSON` and `fromJSON`. */
export class HoldfastError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly transient: boolean;
  readonly details: ErrorDetails;
  readonly [BRAND] = true;

  constructor(
    code: string,
    template: ErrorTemplate,
    options: { details?: ErrorDetails | undefined; cause?: unknown } = {},
  ) {
    const details = options.details ?? {};
    super(fill(template.message, details), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HoldfastError";
    this.code = code;
    this.kind = template.kind;
    this.transient = template.transient ?? false;
    this.hint = template.hint === undefined ? undefined : fill(template.hint, details);
    this.details = details;
  }

  /** Plain data for another thread or a JSON report; the cause is reduced to its message. */
  toJSON(): SerializedError {
    return {
      code: this.code,
      kind: this.kind,
      message: this.message,
      hint: this.hint,
      transient: this.transient,
      details: this.details,
      cause: this.cause === undefined ? undefined : messageOf(this.cause),
    };
  }

  /** Rebuilds what `toJSON` wrote. */
  static fromJSON(data: SerializedError): HoldfastError {
    const template: ErrorTemplate = {
      kind: data.kind,
      message: data.message.replaceAll("{", "{{"),
      transient: data.transient,
      ...(data.hint === undefined ? {} : { hint: data.hint.replaceAll("{", "{{") }),
    };
    return new HoldfastError(data.code, template, {
      details: data.details,
      ...(data.cause === undefined ? {} : { cause: new Error(data.cause) }),
    });
  }
}

/** The form in which an error crosses a thread. */
export interface SerializedError {
  code: string;
  kind: ErrorKind;
  message: string;
  hint: string | undefined;
  transient: boolean;
  details: ErrorDetails;
  cause: string | undefined;
}

/** Turns a package's table into a maker of its errors: `const storageError = errorMaker(table)`. */
export function errorMaker<const T extends Readonly<Record<string, ErrorTemplate>>>(table: T) {
  return (code: keyof T & string, details?: ErrorDetails, cause?: unknown): HoldfastError =>
    new HoldfastError(code, table[code] as ErrorTemplate, { details, cause });
}

/** True for errors of this class, also those of another copy of the package. */
export function isHoldfastError(error: unknown, code?: string): error is HoldfastError {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return false;
  return code === undefined || (error as HoldfastError).code === code;
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  return String(error);
}

/** The operating system's code (`ENOENT` …) of an error, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** True when `error` is the reason of an aborted signal, or an abort of the platform. */
export function isAbort(error: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted === true && error === signal.reason) return true;
  if (isHoldfastError(error)) return error.kind === "cancelled";
  return error instanceof Error && (error.name === "AbortError" || systemCode(error) === "ABORT_ERR");
}

function fill(text: string, details: ErrorDetails): string {
  return text.replace(/\{\{|\{(\w+)\}/g, (match, name: string | undefined) => {
    if (name === undefined) return "{";
    const value = details[name];
    return value === undefined ? match : Array.isArray(value) ? value.join(", ") : String(value);
  });
}
