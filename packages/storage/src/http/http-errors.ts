/** What failures of the network, of TLS and of HTTP mean for a repository. */
import { type HoldfastError, isHoldfastError, messageOf } from "@holdfast/base";
import { storageError } from "../errors.ts";

/** Codes of OpenSSL's verdict on a certificate, in words, and what to do about them. */
const UNTRUSTED: ReadonlyMap<string, readonly [reason: string, how: string]> = new Map([
  [
    "CERT_HAS_EXPIRED",
    ["its certificate has expired", "Renew the certificate on the server, and look at the clocks of both machines."],
  ],
  ["CERT_NOT_YET_VALID", ["its certificate is not valid yet", "Look at the clocks of both machines."]],
  ["CERT_REVOKED", ["its certificate was revoked", "Ask whoever runs the server."]],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    [
      "its certificate is for another host name",
      "Use the name that is in the certificate, or get a certificate for this name.",
    ],
  ],
  ...[
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_UNTRUSTED",
    "CERT_CHAIN_TOO_LONG",
    "INVALID_CA",
    "CERT_SIGNATURE_FAILURE",
    "CERT_REJECTED",
  ].map((code): [string, readonly [string, string]] => [
    code,
    [
      "nobody that this machine trusts has signed its certificate",
      "Give the certificate of the server or of its authority with --cacert FILE.",
    ],
  ]),
]);

/** A certificate may be fine by the system's own store of authorities: these codes say that ours does not know the signer. */
export const UNKNOWN_SIGNER: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Failures that may pass by themselves, in words. */
const PASSING: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "nothing listens there (connection refused)"],
  ["ECONNRESET", "the connection was cut"],
  ["ECONNABORTED", "the connection was cut"],
  ["EPIPE", "the connection was cut"],
  ["ERR_STREAM_PREMATURE_CLOSE", "the connection was cut"],
  ["ERR_STREAM_DESTROYED", "the connection was cut"],
  ["ERR_SOCKET_CLOSED", "the connection was cut"],
  ["ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "the connection was cut"],
  ["UND_ERR_SOCKET", "the connection was cut"],
  ["HPE_CLOSED_CONNECTION", "the connection was cut"],
  ["HPE_INVALID_EOF_STATE", "the connection was cut"],
  ["ETIMEDOUT", "no answer in time"],
  ["EAI_AGAIN", "its name cannot be looked up at present"],
  ["EHOSTUNREACH", "there is no way to the host"],
  ["EHOSTDOWN", "the host is down"],
  ["ENETUNREACH", "there is no way to its network"],
  ["ENETDOWN", "the network is down"],
  ["ENETRESET", "the network was reset"],
  ["EADDRNOTAVAIL", "the network is down"],
  ["EMFILE", "this process has too many open files"],
  ["ENFILE", "this machine has too many open files"],
  ["ENOBUFS", "this machine has no memory for the connection"],
  ["ENOMEM", "this machine has no memory for the connection"],
]);

/** Where it happened. `hasAnswered`: the server was reached before, so its name and address are right. */
export interface NetworkPlace {
  readonly location: string;
  readonly hasAnswered: boolean;
}

/** The code of an error of sockets, TLS or HTTP; empty when it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** Errors of Node's sockets, TLS and HTTP parser become ours; ours pass. */
export function fromNetworkError(error: unknown, { location, hasAnswered }: NetworkPlace): HoldfastError {
  if (isHoldfastError(error)) return error;
  const code = codeOf(error);
  const untrusted = UNTRUSTED.get(code);
  if (untrusted !== undefined) {
    const [reason, how] = untrusted;
    return storageError("STORAGE_UNTRUSTED", { location, reason, how }, error);
  }
  if (code === "ENOTFOUND" && !hasAnswered)
    return storageError("STORAGE_NO_PLACE", { location, what: "the host" }, error);
  const passing = code === "ENOTFOUND" ? PASSING.get("EAI_AGAIN") : PASSING.get(code);
  if (passing !== undefined) {
    const load = code === "ETIMEDOUT" ? { isBusy: true } : {};
    return storageError("STORAGE_UNAVAILABLE", { location, reason: passing, ...load }, error);
  }
  if (code === "ENOENT") return storageError("STORAGE_NO_PLACE", { location, what: "the socket" }, error);
  if (code === "EACCES" || code === "EPERM")
    return storageError("STORAGE_PERMISSION", { location, path: "the connection" }, error);
  if (/ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA)|HANDSHAKE_FAILURE/.test(code)) {
    return storageError(
      "STORAGE_CREDENTIALS_REFUSED",
      { location, reason: "the server wants another client certificate, or one at all" },
      error,
    );
  }
  if (code === "ERR_PROXY_TUNNEL") return fromProxy(error, location);
  const reason = /^(ERR_SSL|EPROTO)/.test(code)
    ? "the server does not speak TLS as it should; is it http:// rather than https://?"
    : messageOf(error);
  return storageError("STORAGE_FAILED", { location, reason }, error);
}

function fromProxy(error: unknown, location: string): HoldfastError {
  if (messageOf(error).includes(" 407")) {
    return storageError("STORAGE_CREDENTIALS_REFUSED", { location, reason: "by the proxy" }, error);
  }
  return storageError("STORAGE_UNAVAILABLE", { location, reason: "the proxy makes no connection" }, error);
}

/** What is known of an answer that is no success. */
export interface RefusedAnswer {
  readonly location: string;
  /** What was asked for, relative to the repository. */
  readonly path: string;
  readonly status: number;
  /** What the server says of it, if anything. */
  readonly text: string;
  /** Whether credentials were sent along. */
  readonly hadCredentials: boolean;
  /** What to give when credentials are missing. */
  readonly howToLogIn: string;
  /** Where the server sends us. */
  readonly redirect?: string | undefined;
  /** For how long the server asks to be left alone. */
  readonly retryAfterMs?: number | undefined;
}

/** An answer that is no success becomes an error; `404` and whatever else has a meaning of its own is for the caller first. */
export function fromStatus(answer: RefusedAnswer): HoldfastError {
  const { location, path, status, hadCredentials } = answer;
  const said = answer.text === "" ? `${status}` : `${status}, ${answer.text}`;
  if (status === 401 && !hadCredentials) {
    return storageError("STORAGE_NO_CREDENTIALS", {
      location,
      missing: "the login",
      how: answer.howToLogIn,
    });
  }
  if (status === 401 || status === 407) {
    return storageError("STORAGE_CREDENTIALS_REFUSED", { location, reason: status === 407 ? "by the proxy" : said });
  }
  // Why, is known to the server alone: a role, a rule, a quota.
  if (status === 403)
    return storageError("STORAGE_PERMISSION", { location, path: `${path === "" ? "it" : path} (${said})` });
  if (status === 413 || status === 507) return storageError("STORAGE_FULL", { location, reason: said });
  if (status >= 300 && status < 400) {
    const reason = `the server redirects to ${answer.redirect ?? "nowhere"}; give the address where the repository is`;
    return storageError("STORAGE_FAILED", { location, reason });
  }
  const reason = `the server answers ${said} to what was asked of ${path === "" ? "the repository" : path}`;
  if (!isPassingStatus(status)) return storageError("STORAGE_FAILED", { location, reason });
  return refusedForNow({ location, reason, status, retryAfterMs: answer.retryAfterMs });
}

/** Why a server does not do now what it may do later. */
export interface PassingRefusal {
  readonly location: string;
  readonly reason: string;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
}

/**
 * A server that does not want to answer now, and may say until when. The decorators go by `details`: `retryAfterMs`, and `isBusy`
 * where it has too much to do.
 */
export function refusedForNow(
  { location, reason, status, retryAfterMs }: PassingRefusal,
  cause?: unknown,
): HoldfastError {
  const load = status === 429 || status === 503 ? { isBusy: true } : {};
  if (retryAfterMs === undefined) return storageError("STORAGE_UNAVAILABLE", { location, reason, ...load }, cause);
  const asked = `${reason}; it asks to be left alone for ${Math.ceil(retryAfterMs / 1000)} s`;
  return storageError("STORAGE_UNAVAILABLE", { location, reason: asked, retryAfterMs, ...load }, cause);
}

function isPassingStatus(status: number): boolean {
  if (status === 501 || status === 505 || status === 510 || status === 511) return false;
  return status >= 500 || status === 408 || status === 423 || status === 425 || status === 429;
}
