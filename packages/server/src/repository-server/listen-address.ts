/** Addresses to listen on, as people write them: `127.0.0.1:8000`, `[::1]:8000`, `:8000`. */
import { BlockList, isIP } from "node:net";

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose one that is free. */
  readonly port: number;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** `undefined` when the text is no address. Without a host it is the loopback one. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  return { host: bracketed ?? (plain || "127.0.0.1"), port: Number(port) };
}

/** Whether only this machine reaches it. */
export function isLoopback({ host }: ListenAddress): boolean {
  const family = isIP(host);
  if (family === 0) return host === "localhost";
  return LOOPBACK.check(host, family === 4 ? "ipv4" : "ipv6");
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
