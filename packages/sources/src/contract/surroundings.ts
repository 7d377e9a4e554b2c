/** What sources may know of the process that they run in: they read no environment of their own. */
import type { Secret } from "@holdfast/base";

export interface SourceSurroundings {
  /** What programs that are started get to see. Holds no password of Holdfast. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** A folder for small things, such as sockets and files of passwords; empty, for the owner only. */
  readonly temporary: string;
  /**
   * Fetches what a setting of the type `secretReference` refers to; when it is needed, not before.
   * @param what whose it is, for messages: `source shop`
   * @throws an error that says why it cannot be had, and never what it is
   */
  secret(reference: SecretReference, what: string, options: { readonly signal: AbortSignal }): Promise<Secret>;
}

/** Where a secret is. It never stands in the configuration itself. */
export type SecretReference =
  | { readonly env: string }
  | { readonly file: string }
  /** A program and its arguments, run without a shell; its output, without the line end. */
  | { readonly command: readonly string[] };
