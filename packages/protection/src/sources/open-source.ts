/** A source of the configuration, ready to be captured, restored and proven. */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { SOURCE_KINDS, type Source, type SourceKind, withHooks } from "@holdfast/sources";
import type { Configuration, SourceConfiguration } from "../configuration/schema.ts";
import { fetchSecret } from "../configuration/secrets.ts";
import { protectionError } from "../errors.ts";

/** What a run has around it. */
export interface SourceRun {
  /** What programs get to see. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** A folder for scratch files when the configuration names none. */
  readonly temporary: string;
}

export interface OpenedSource {
  readonly name: string;
  readonly kind: SourceKind;
  readonly source: Source;
  /** Removed at the end. */
  readonly temporary: string;
}

/** The source of this name. @throws PROTECTION_NO_SOURCE */
export function sourceNamed(configuration: Configuration, name: string): SourceConfiguration {
  const found = configuration.sources.get(name);
  if (found !== undefined) return found;
  const names = [...configuration.sources.keys()].join(", ");
  throw protectionError("PROTECTION_NO_SOURCE", {
    path: configuration.path,
    name,
    names: names === "" ? "none" : names,
  });
}

/** Opens a source, runs `work`, and removes what it has put aside. */
export async function withSource<T>(
  configuration: Configuration,
  { name, kind: kindName, settings, hooks }: SourceConfiguration,
  run: SourceRun,
  work: (opened: OpenedSource) => Promise<T>,
): Promise<T> {
  const kind = SOURCE_KINDS.get(kindName);
  // The schema has checked it.
  if (kind === undefined) throw new Error(`no kind ${kindName}`);
  const temporary = await mkdtemp(join(configuration.scratch ?? run.temporary, "holdfast-"));
  // Also when somebody ends the process before its work has come to its end: a password may lie there.
  const removeAtExit = (): void => rmSync(temporary, { recursive: true, force: true });
  process.once("exit", removeAtExit);
  try {
    const { environment } = run;
    const opened = kind.open(name, settings, {
      environment,
      hostname: run.hostname,
      temporary,
      secret: (reference, what, { signal }) => fetchSecret(reference, what, { environment, signal }),
    });
    const source = withHooks(opened, hooks, { name, environment });
    return await work({ name, kind, source, temporary });
  } finally {
    await rm(temporary, { recursive: true, force: true });
    process.off("exit", removeAtExit);
  }
}
