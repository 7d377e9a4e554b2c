/** From where on the captures of a source need its journal, and what of it none of them needs. */
import type { AlreadyStored, StoredSnapshot } from "@holdfast/engine";
import { captureFolder } from "../contract/capture-folder.ts";
import type { JournalFormat, JournalNeed } from "../contract/journal.ts";
import type { CallOptions } from "../contract/source.ts";
import { openCaptured } from "../snapshot/captured-snapshot.ts";
import { firstId } from "./journal-heads.ts";

/** By the first id of each capture; `null` for one that needs no journal. */
export type CaptureNeeds = Readonly<Record<string, JournalNeed | null>>;

interface Parts extends AlreadyStored {
  readonly format: JournalFormat;
  readonly kind: string;
  readonly name: string;
}

/** All captures of a source, of every host. */
export function capturesOf(
  snapshots: readonly StoredSnapshot[],
  { kind, name }: Pick<Parts, "kind" | "name">,
): StoredSnapshot[] {
  const folder = captureFolder(kind, name);
  return snapshots.filter(({ snapshot: { paths } }) => paths.length === 1 && paths[0] === folder);
}

/** @param known what earlier pushes found out: captures do not change @throws what reading a capture throws */
export async function captureNeeds(parts: Parts, known: CaptureNeeds, options: CallOptions): Promise<CaptureNeeds> {
  const needs: Record<string, JournalNeed | null> = {};
  for (const stored of capturesOf(parts.snapshots, parts)) {
    const id = firstId(stored);
    needs[id] = known[id] === undefined ? await needOf(parts, stored, options) : known[id];
  }
  return needs;
}

/** The needs without those that others cover, in a fixed order. */
export function distinctNeeds(needs: CaptureNeeds): JournalNeed[] {
  const byText = new Map<string, JournalNeed>(
    Object.values(needs).flatMap((need) => (need === null ? [] : [[JSON.stringify(need), need]])),
  );
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, need]) => need);
}

/** Whether a file of a stream is kept. In a stream that no capture is known to need all of it is. */
export function isKept(format: JournalFormat, needs: readonly JournalNeed[], stream: string, name: string): boolean {
  const own = needs.filter((need) => need.stream === stream);
  return own.length === 0 || own.some(({ from }) => format.isNeeded(name, from));
}

async function needOf(
  { repository, index, format }: Parts,
  { snapshot }: StoredSnapshot,
  options: CallOptions,
): Promise<JournalNeed | null> {
  const { facts } = await openCaptured({ repository, index, snapshot }, options);
  return format.neededFrom(facts) ?? null;
}
