/** One line of JSON for each request. No header is in it, so no secret is. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { FileType } from "@holdfast/storage";
import type { KeyChange } from "./key-changes.ts";

/** What is known of a request when it is over. */
export interface AccessEntry {
  readonly time: string;
  readonly address: string;
  /** Who it was; absent when nobody knows. */
  readonly client: string | undefined;
  readonly method: string;
  readonly repository: string | undefined;
  readonly type: FileType | undefined;
  readonly name: string | undefined;
  /** The plan that the request is about, or by which it removed something. */
  readonly plan: string | undefined;
  /** What became of the plan by this request. */
  readonly planAction: "proposed" | "approved" | "cancelled" | undefined;
  /** Who signed that. */
  readonly approver: string | undefined;
  /** Who gets into a repository was changed, or was to be; absent for all other requests. */
  readonly keyChange: KeyChange | undefined;
  readonly status: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly ms: number;
  /** Code and message of the error that the request ended with; the client may have been told less. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** False when the connection was gone before the answer was. */
  readonly complete: boolean;
}

export interface AccessLog {
  write(entry: AccessEntry): void;
  /** Opens the file anew, after it was moved away. */
  reopen(): void;
  close(): void;
}

/** Appends to a file, which is made for its owner only. @throws system errors when it cannot be opened */
export function fileLog(path: string): AccessLog {
  const open = (): number => openSync(path, "a", 0o600);
  let fd = open();
  return {
    write: (entry) => void writeSync(fd, `${JSON.stringify(entry)}\n`),
    reopen() {
      const fresh = open();
      closeSync(fd);
      fd = fresh;
    },
    close: () => closeSync(fd),
  };
}
