/** Addresses of HTTP servers as people write them, with their credentials taken out. */
import { Secret } from "@holdfast/base";
import { storageError } from "../errors.ts";
import type { HttpClientOptions } from "./http-client.ts";

/** Who logs in. */
export interface Login {
  readonly user: string;
  readonly password: Secret;
}

/** A place on a server. */
export interface HttpAddress extends Pick<HttpClientOptions, "protocol" | "hostname" | "port" | "socketPath"> {
  /** Encoded, with a slash at its beginning and its end. */
  readonly path: string;
  /** For people; without the password. */
  readonly shown: string;
  /** What the address says of it, decoded. */
  readonly user: string | undefined;
  readonly password: Secret | undefined;
}

/**
 * Understands `http://…`, `https://…` and `http+unix:///socket:/path`.
 * @param scheme what stands before it, for messages
 * @throws STORAGE_INVALID_LOCATION, whose message repeats nothing that could be a password
 */
export function parseHttpAddress(scheme: string, text: string): HttpAddress {
  const unix = /^http\+unix:\/\/(?<socket>\/[^:]+)(?::(?<path>\/.*)?)?$/.exec(text)?.groups;
  const url = parseUrl(unix === undefined ? text : `http://localhost${unix["path"] ?? "/"}`);
  const refuse = (reason: string): Error => {
    const location = `${scheme}:${/^(https?|http\+unix):/.exec(text)?.[0] ?? ""}…`;
    return storageError("STORAGE_INVALID_LOCATION", { location, reason });
  };
  if (url === undefined) throw refuse(`it is written ${scheme}:https://host/path/`);
  if (url.search !== "" || url.hash !== "") throw refuse("an address has neither ? nor #; write %3F and %23 in a path");
  const path = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`;
  const { user, password } = decodedLogin(url, refuse);
  const who = user === undefined ? "" : `${url.username}@`;
  const server = unix === undefined ? `${url.protocol}//${who}${url.host}` : `http+unix://${unix["socket"]}:`;
  return {
    protocol: url.protocol === "https:" ? "https:" : "http:",
    hostname: url.hostname,
    port: url.port === "" ? undefined : Number(url.port),
    socketPath: unix?.["socket"],
    path,
    shown: `${scheme}:${server}${path}`,
    user,
    password,
  };
}

function parseUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^/]/.test(text)) return undefined;
  return URL.parse(text) ?? undefined;
}

function decodedLogin(url: URL, refuse: (reason: string) => Error): Pick<HttpAddress, "user" | "password"> {
  try {
    return {
      user: url.username === "" ? undefined : decodeURIComponent(url.username),
      password: url.password === "" ? undefined : new Secret(decodeURIComponent(url.password)),
    };
  } catch {
    throw refuse("a percent sign in the user name or the password is written %25");
  }
}

/**
 * The header by which somebody logs in: what the address says counts before what is given otherwise. `undefined` when nothing is
 * said.
 */
export function authorizationOf(
  address: HttpAddress,
  given: { readonly user: string | undefined; readonly password: string | undefined },
): Secret | undefined {
  const user = address.user ?? given.user;
  const password = address.password ?? (given.password === undefined ? undefined : new Secret(given.password));
  if (user === undefined && password === undefined) return undefined;
  return basicAuthorization({ user: user ?? "", password: password ?? new Secret("") });
}

/** The header of basic authentication. */
export function basicAuthorization({ user, password }: Login): Secret {
  return new Secret(`Basic ${Buffer.from(`${user}:${password.reveal()}`).toString("base64")}`);
}
