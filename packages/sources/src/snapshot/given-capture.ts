/** A capture as the engine takes it: its entries, and what was found out about it as the last of them. */
import { join } from "node:path";
import type { AlreadyStored, GivenEntries, GivenEntry } from "@holdfast/engine";
import { captureFolder } from "../contract/capture-folder.ts";
import { FACTS_FILE, encodeFacts } from "../contract/facts.ts";
import type { Capture } from "../contract/source.ts";

/** Whose capture it is. */
export interface CapturedSource {
  readonly kind: string;
  readonly name: string;
  readonly hostname: string;
}

export function givenCapture(capture: Capture, source: CapturedSource): GivenEntries {
  return { paths: capture.paths, entries: (stored) => entriesOf(capture, source, stored) };
}

async function* entriesOf(capture: Capture, source: CapturedSource, stored: AlreadyStored): AsyncGenerator<GivenEntry> {
  yield* capture.entriesBeside?.(stored) ?? capture.entries;
  const path = join(captureFolder(source.kind, source.name), FACTS_FILE);
  const bytes = encodeFacts({ ...capture.facts(), ...source });
  async function* content(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  // What tells of databases and their servers is for the owner of the restored copy only.
  yield { kind: "file", path, content: content(), mode: 0o600 };
}
