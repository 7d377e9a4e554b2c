/** Up to where the journal is replayed, found before anything is changed. */
import type { StoredFacts } from "../../contract/facts.ts";
import { type RecoveryTarget, recoveryTargetText } from "../../contract/recovery-target.ts";
import type { CallOptions, Recovery } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { binlogFormat, eventsOf } from "./binlog-format.ts";
import { type BinlogPlace, parseBinlogName, placeIn } from "./binlog-names.ts";
import { type BinlogEvent, EVENT, beginsGroup, gtidListOf, gtidOf, parseGtids } from "./binlog-walk.ts";

export interface ReplayPlan {
  readonly stream: string;
  /** In their order. */
  readonly files: readonly string[];
  /** In the first file: where the capture was. */
  readonly startPosition: number;
  /** In the last file: the first byte that is not replayed; `undefined` for all of it. */
  readonly stopPosition: number | undefined;
  /** In words: `bin.000004:1234`. */
  readonly end: string;
}

/** @throws SOURCES_JOURNAL_GAP when the journal does not lead there, SOURCES_TARGET_UNCLEAR for a target of another kind */
export async function planReplay(
  facts: StoredFacts,
  { journal, until }: Recovery,
  source: string,
  options: CallOptions,
): Promise<ReplayPlan> {
  const target = recoveryTargetText(until);
  const gap = (reason: string): Error => sourcesError("SOURCES_JOURNAL_GAP", { source, target, reason });
  const place = placeIn(facts);
  if (place === undefined) throw gap("the capture does not know a place in a binary log");
  const { last, gaps } = await binlogFormat.reach(journal, place, options);
  if (last === undefined) throw gap(`the journal does not have ${place.from}, from which on it is needed`);
  const stored = await journal.files(place.stream, options);
  const until_ = parseBinlogName(last.name)?.number ?? 0;
  const reached = stored.filter(
    ({ name }) => binlogFormat.isNeeded(name, place.from) && (parseBinlogName(name)?.number ?? 0) <= until_,
  );
  const files = reached.map(({ name }) => name);
  const sizes = reached.map(({ sizeBytes }) => sizeBytes);
  const found = await findEnd({
    files,
    sizes,
    place,
    until,
    read: (name) => journal.read(place.stream, name, options),
  });
  const lost = gaps[0] === undefined ? "" : `, after which ${gaps[0].first} is missing`;
  if (found === undefined) {
    throw gap(`it ends with ${last.name}:${last.sizeBytes}${lost}, before that; \`latest\` goes as far as it does`);
  }
  const { at, position } = found;
  const startPosition = place.position;
  const end = position ?? sizes[at];
  const name = files[at] as string;
  if (at === 0 && position !== undefined && position < startPosition) {
    throw gap(`the capture is of a later moment: ${name}:${startPosition}`);
  }
  const used = files.slice(0, at + 1);
  const after = until.kind === "latest" ? lost : "";
  return { stream: place.stream, files: used, startPosition, stopPosition: position, end: `${name}:${end}${after}` };
}

interface Search {
  readonly files: readonly string[];
  /** Of each file: how much of it is there. */
  readonly sizes: readonly number[];
  readonly place: BinlogPlace;
  readonly until: RecoveryTarget;
  readonly read: (name: string) => AsyncIterable<Uint8Array>;
}

interface End {
  /** The number of the last file. */
  readonly at: number;
  readonly position: number | undefined;
}

async function findEnd(search: Search): Promise<End | undefined> {
  const { files, until } = search;
  switch (until.kind) {
    case "latest":
      return { at: files.length - 1, position: undefined };
    case "time":
      return endAtTime(search, Math.floor(until.atMs / 1000));
    case "position":
      return until.scheme === "gtid" ? endAfterGtid(search, until.text) : endAtPlace(search, until);
    case "name":
      throw sourcesError("SOURCES_TARGET_UNCLEAR", { text: recoveryTargetText(until) });
  }
}

/** Before the first group that is not older than this second; all of it where the log was closed or begun after that without one. */
async function endAtTime({ files, place, read }: Search, second: number): Promise<End | undefined> {
  let isPast = false;
  for (const [at, name] of files.entries()) {
    const next = files[at + 1];
    // A file that was begun before that time has nothing of it in the file before it.
    if (next !== undefined && ((await headOf(read(next))).atS ?? Infinity) < second) continue;
    for await (const event of eventsOf(read(name))) {
      const isAfter = at > 0 || event.start >= place.position;
      if (!isAfter || event.atS < second) continue;
      if (beginsGroup(event)) return { at, position: event.start };
      // Such as a server gives its own time, and no transaction's.
      if (event.type === EVENT.format || endsGroup(event)) isPast = true;
    }
  }
  return isPast ? { at: files.length - 1, position: undefined } : undefined;
}

/** After the group with this id. */
async function endAfterGtid({ files, read }: Search, text: string): Promise<End | undefined> {
  const [wanted, ...others] = parseGtids(text) ?? [];
  if (wanted === undefined || others.length > 0) throw sourcesError("SOURCES_TARGET_UNCLEAR", { text: `gtid:${text}` });
  const [domain, sequence] = wanted;
  for (const [at, name] of files.entries()) {
    const next = files[at + 1];
    const before = next === undefined ? undefined : (await headOf(read(next))).gtids?.get(domain);
    if (before !== undefined && before < sequence) continue;
    let isFound = false;
    for await (const event of eventsOf(read(name))) {
      if (isFound && endsGroup(event)) return { at, position: event.start };
      const gtid = gtidOf(event);
      if (gtid?.domain === domain && gtid.sequence === sequence) isFound = true;
    }
    if (isFound) return { at, position: undefined };
  }
  return undefined;
}

/** `binlog:bin.000004:1234`. */
async function endAtPlace(
  { files, sizes }: Search,
  until: Extract<RecoveryTarget, { kind: "position" }>,
): Promise<End | undefined> {
  const [, name, position] = /^(.+):(\d{1,15})$/.exec(until.text) ?? [];
  if (until.scheme !== "binlog" || name === undefined || parseBinlogName(name) === undefined) {
    throw sourcesError("SOURCES_TARGET_UNCLEAR", { text: recoveryTargetText(until) });
  }
  const at = files.indexOf(name);
  // What is behind the end of a file is yet to come.
  return Number(position) > (sizes[at] ?? -1) ? undefined : { at, position: Number(position) };
}

function endsGroup(event: BinlogEvent): boolean {
  return beginsGroup(event) || event.type === EVENT.rotate || event.type === EVENT.stop;
}

/** When a file was begun, and the newest ids before it. */
async function headOf(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly atS: number | undefined; readonly gtids: ReadonlyMap<number, bigint> | undefined }> {
  let atS: number | undefined;
  for await (const event of eventsOf(content)) {
    if (event.type === EVENT.format) atS = event.atS;
    const list = gtidListOf(event);
    if (list !== undefined) return { atS, gtids: new Map(list.map(({ domain, sequence }) => [domain, sequence])) };
    if (beginsGroup(event)) break;
  }
  return { atS, gtids: undefined };
}
