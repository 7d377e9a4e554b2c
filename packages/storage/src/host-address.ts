/** A host as somebody wrote it. */

export interface HostAddress {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/** `user@host:port`; an IPv6 address stands in brackets. `undefined` when it is nothing of the kind. */
export function parseHost(text: string): HostAddress | undefined {
  const match = /^(?:(.+)@)?(?:\[([0-9a-fA-F:.%a-z]+)\]|([^@:/[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[2] ?? match?.[3];
  const port = match?.[4] === undefined ? undefined : Number(match[4]);
  // A name that starts as an option does could be taken for one.
  if (host === undefined || host.startsWith("-") || (port !== undefined && (port < 1 || port > 65_535)))
    return undefined;
  return { host, user: match?.[1], port };
}
