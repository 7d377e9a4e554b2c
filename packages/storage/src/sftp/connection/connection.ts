/** What carries channels of SFTP to a server. */
import type { Duplex } from "node:stream";
import type { CallOptions } from "../../backend.ts";

export interface Connection {
  readonly isLost: boolean;
  /** One more stream that speaks SFTP. @throws STORAGE_UNAVAILABLE, STORAGE_FAILED */
  openChannel(options: CallOptions): Promise<Duplex>;
  /** Frees all that the connection holds; channels end with it. */
  close(): Promise<void>;
}

/** Makes a connection. @throws STORAGE_UNAVAILABLE, STORAGE_UNTRUSTED, STORAGE_CREDENTIALS_REFUSED */
export type Connector = (options: CallOptions) => Promise<Connection>;
