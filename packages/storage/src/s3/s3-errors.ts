/** What the error codes of S3 mean for a repository. */
import { type HoldfastError, messageOf } from "@holdfast/base";
import { type STORAGE_ERRORS, storageError } from "../errors.ts";
import { refusedForNow } from "../http/http-errors.ts";
import { parseRetryAfter } from "../http/retry-after.ts";

type Row = keyof typeof STORAGE_ERRORS;

/** Codes of AWS, Ceph, MinIO and Google. */
const CODES: ReadonlyMap<string, Row> = new Map<string, Row>([
  ...codes("STORAGE_NO_PLACE", "NoSuchBucket InvalidBucketName AllAccessDisabled"),
  ...codes(
    "STORAGE_CREDENTIALS_REFUSED",
    "InvalidAccessKeyId SignatureDoesNotMatch InvalidToken ExpiredToken TokenRefreshRequired InvalidSecurity AuthFailure",
  ),
  ...codes("STORAGE_PERMISSION", "AccessDenied Forbidden AccountProblem MethodNotAllowed"),
  ...codes("STORAGE_FULL", "QuotaExceeded StorageFull XMinioStorageFull XMinioAdminBucketQuotaExceeded"),
  ...codes(
    "STORAGE_UNAVAILABLE",
    // Damaged on the way; somebody else at work on the same name; a clock that the next request is signed by rightly.
    "BadDigest InvalidDigest XAmzContentSHA256Mismatch IncompleteBody OperationAborted ConditionalRequestConflict",
    "RequestTimeTooSkewed RequestTimeout SlowDown Throttling ThrottlingException TooManyRequests InternalError",
    "ServiceUnavailable NoSuchUpload",
  ),
]);

/** Words for codes whose own text says too little. */
const REASONS: ReadonlyMap<string, string> = new Map([
  [
    "GlacierExpeditedRetrievalNotAvailable",
    "the store cannot bring files back in a hurry at present; wait, or use -o s3.restore-tier=Standard",
  ],
  ["RequestTimeTooSkewed", "the clock of this machine is wrong by more than 15 minutes"],
]);

const WRONG_REGION = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);

/** True where the server knows who asks, and does not allow it. */
export function isRefusal(error: unknown, status: number | undefined): boolean {
  const row = CODES.get(codeOf(error));
  return row === undefined ? status === 403 : row === "STORAGE_PERMISSION";
}

/** What is known of a failed call. */
export interface S3Failure {
  readonly location: string;
  readonly bucket: string;
  readonly region: string;
  /** What it was about, relative to the repository. */
  readonly path: string;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** True for an answer of a region that does not have the bucket. */
export function isWrongRegion(error: unknown, { status }: Pick<S3Failure, "status">): boolean {
  return WRONG_REGION.has(codeOf(error)) || status === 301 || status === 307;
}

/** The code of an error of the SDK: S3's, or a name that the SDK made up. */
function codeOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

/** An answer that is no success becomes an error of ours. */
export function fromS3Error(error: unknown, failure: S3Failure): HoldfastError {
  const { location, bucket, path, status, headers } = failure;
  if (isWrongRegion(error, failure)) {
    const right = headers["x-amz-bucket-region"];
    const reason = `the bucket is not in the region ${failure.region}; give -o s3.region=${right ?? "REGION"}`;
    return storageError("STORAGE_FAILED", { location, reason }, error);
  }
  const code = codeOf(error);
  const row = CODES.get(code) ?? rowOfStatus(status);
  const said = REASONS.get(code) ?? textOf(code, messageOf(error));
  const reason = status === undefined ? said : `the server answers ${status} (${said}) to what was asked of ${path}`;
  if (row === "STORAGE_UNAVAILABLE") {
    const { "retry-after": after, date } = headers;
    const retryAfterMs = parseRetryAfter(after, date, Date.now());
    return refusedForNow({ location, reason, status, retryAfterMs }, error);
  }
  return storageError(row, { location, path, reason, what: `the bucket ${bucket}` }, error);
}

/** One line. The SDK fills in words of its own where the server has none. */
function textOf(code: string, message: string): string {
  const isSaid = message !== "" && message !== code && message !== "UnknownError";
  return (isSaid ? `${code}: ${message}` : code).replaceAll(/[\p{C}\s]+/gu, " ").slice(0, 200);
}

function rowOfStatus(status: number | undefined): Row {
  if (status === 401) return "STORAGE_CREDENTIALS_REFUSED";
  if (status === 403) return "STORAGE_PERMISSION";
  if (status === 507) return "STORAGE_FULL";
  const isPassing = status === 408 || status === 425 || status === 429 || (status !== undefined && status >= 500);
  return isPassing && status !== 501 && status !== 505 ? "STORAGE_UNAVAILABLE" : "STORAGE_FAILED";
}

function codes(row: Row, ...lists: string[]): [string, Row][] {
  return lists.flatMap((list) => list.split(" ").map((code): [string, Row] => [code, row]));
}
