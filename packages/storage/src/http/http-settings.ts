/** How connections are made: TLS by the options `tls.…`, proxies by the usual variables. */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { messageOf } from "@holdfast/base";
import { storageError } from "../errors.ts";
import type { Surroundings } from "../location.ts";

/** What the user has set. */
export interface HttpSettings {
  /** Authorities to trust, in place of the usual ones; PEM. */
  readonly ca?: string;
  /** Certificate and key of this client; PEM. */
  readonly clientCertificate?: string;
  /** False only where the user wants no protection. */
  readonly isVerified: boolean;
  /** The variables of proxies, by the names that they usually have. */
  readonly proxies: Readonly<Record<string, string>>;
}

/** For servers on this machine that need nothing. */
export const PLAIN_SETTINGS: HttpSettings = { isVerified: true, proxies: {} };

const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"] as const;

/** @throws STORAGE_INVALID_OPTION for files that cannot be read or are no certificates */
export async function httpSettings(surroundings: Surroundings): Promise<HttpSettings> {
  const ca = await pemOf("tls.cacert", surroundings, ["CERTIFICATE"]);
  const clientCertificate = await pemOf("tls.client-cert", surroundings, ["CERTIFICATE", "PRIVATE KEY"]);
  const proxies: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) {
    const value = surroundings.variable(name);
    if (value !== undefined) proxies[name] = value;
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    isVerified: !isSwitchedOn("tls.insecure", surroundings),
    proxies,
  };
}

function isSwitchedOn(option: string, surroundings: Surroundings): boolean {
  const value = surroundings.option(option) ?? "false";
  if (value !== "true" && value !== "false") {
    throw storageError("STORAGE_INVALID_OPTION", { option, value, expected: "give true or false" });
  }
  return value === "true";
}

async function pemOf(
  option: string,
  surroundings: Surroundings,
  parts: readonly string[],
): Promise<string | undefined> {
  const path = surroundings.option(option);
  if (path === undefined) return undefined;
  const text = await readFile(path, "latin1").catch((error: unknown) => {
    throw storageError("STORAGE_INVALID_OPTION", { option, value: path, expected: messageOf(error) }, error);
  });
  for (const part of parts) {
    if (new RegExp(`-----BEGIN [A-Z ]*${part}-----`).test(text)) continue;
    throw storageError("STORAGE_INVALID_OPTION", { option, value: path, expected: `the file has no ${part} in PEM` });
  }
  return text;
}

/** True for names and addresses of this very machine: no proxy leads there. */
export function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return (
    bare === "localhost" ||
    bare.endsWith(".localhost") ||
    bare === "::1" ||
    (isIP(bare) === 4 && bare.startsWith("127."))
  );
}
