/** Names of binary logs: `mariadb-bin.000123`. */
import type { StoredFacts } from "../../contract/facts.ts";
import type { JournalNeed } from "../../contract/journal.ts";

const NAME = /^([\w-][\w.-]*)\.(\d{6,10})$/;
/** So many files in a folder of the journal. */
const PER_FOLDER = 100;

export interface BinlogName {
  readonly base: string;
  readonly number: number;
}

/** `undefined` when it is no such name. */
export function parseBinlogName(name: string): BinlogName | undefined {
  const [, base, number] = NAME.exec(name) ?? [];
  return base === undefined || number === undefined ? undefined : { base, number: Number(number) };
}

export function binlogName({ base, number }: BinlogName): string {
  return `${base}.${String(number).padStart(6, "0")}`;
}

export function nextBinlog(name: BinlogName): string {
  return binlogName({ ...name, number: name.number + 1 });
}

/** The folder of the journal for a file. */
export function binlogFolder(name: string): string {
  const parsed = parseBinlogName(name);
  return parsed === undefined ? "others" : binlogName({ ...parsed, number: Math.floor(parsed.number / PER_FOLDER) });
}

/** Servers have ids so that their logs can be told apart. */
export function binlogStream(name: BinlogName, serverId: number): string {
  return `${name.base}-${serverId}`;
}

/** Where in the journal a capture is. */
export interface BinlogPlace extends JournalNeed {
  readonly name: BinlogName;
  readonly position: number;
}

/** `undefined` for a capture of a server without a binary log. */
export function placeIn({ position }: Pick<StoredFacts, "position">): BinlogPlace | undefined {
  const { file, position: at, server } = position;
  const name = parseBinlogName(file ?? "");
  if (file === undefined || name === undefined || at === undefined || server === undefined) return undefined;
  return { name, from: file, position: Number(at), stream: binlogStream(name, Number(server)) };
}
