/** Signs requests with the key of an account ("Authorize with Shared Key" in Azure's documentation). */
import { createHmac } from "node:crypto";
import type { Secret } from "@holdfast/base";

export interface SignedRequest {
  readonly method: string;
  /** Encoded, with its query. */
  readonly path: string;
  /** With names in lower case; `x-ms-date` and `x-ms-version` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the body; 0 where there is none. */
  readonly contentLength: number;
}

const SIGNED_HEADERS = [
  "content-md5",
  "content-type",
  "date",
  "if-modified-since",
  "if-match",
  "if-none-match",
  "if-unmodified-since",
  "range",
] as const;

/** The value of the header `Authorization`. */
export function sharedKeyAuthorization(account: string, key: Secret, request: SignedRequest): string {
  const { method, path, headers, contentLength } = request;
  const lines = [
    method,
    headers["content-encoding"] ?? "",
    headers["content-language"] ?? "",
    contentLength === 0 ? "" : String(contentLength),
    ...SIGNED_HEADERS.map((name) => headers[name] ?? ""),
    ...Object.keys(headers)
      .filter((name) => name.startsWith("x-ms-"))
      .toSorted()
      .map((name) => `${name}:${(headers[name] ?? "").trim()}`),
    canonicalResource(account, path),
  ];
  const signature = createHmac("sha256", Buffer.from(key.reveal(), "base64"))
    .update(lines.join("\n"), "utf8")
    .digest("base64");
  return `SharedKey ${account}:${signature}`;
}

function canonicalResource(account: string, path: string): string {
  const [bare = "", query = ""] = path.split("?", 2);
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => `\n${name.toLowerCase()}:${value}`);
  return `/${account}${bare}${parameters.toSorted().join("")}`;
}
