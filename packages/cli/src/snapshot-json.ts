/** A snapshot as JSON output shows it: what is stored, with its id. */
import { type StoredSnapshot, encodeSnapshot } from "@holdfast/engine";

export function snapshotJson({ id, snapshot }: StoredSnapshot): Record<string, unknown> {
  const stored = JSON.parse(Buffer.from(encodeSnapshot(snapshot)).toString("utf8")) as Record<string, unknown>;
  return { ...stored, id, short_id: shortId(id) };
}

/** As much of an id as people need. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
