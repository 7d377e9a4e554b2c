/** Watches the dump of a database as it passes: it must begin with the entry of its suffix, and end with a whole one. */
import { parseLdif, sameName, valuesOf } from "./ldif.ts";

/** More than an entry at the top of a tree has. */
const HEAD_BYTES = 1024 * 1024;
const NEW_LINE = 0x0a;

export interface LdifFacts {
  readonly entries: number;
  /** Where replication was, as the entry of the suffix says. */
  readonly contextCsn: readonly string[];
}

export interface LdifWatch {
  readonly suffix: string;
  readonly mayBeEmpty: boolean;
  readonly onEnd: (facts: LdifFacts) => void;
  /** Makes the error for what is not whole, by the reason. */
  readonly broken: (reason: string) => Error;
}

/** The same bytes. @throws what `broken` makes */
export async function* watchedLdif(content: AsyncIterable<Uint8Array>, watch: LdifWatch): AsyncGenerator<Uint8Array> {
  const { suffix, mayBeEmpty, onEnd, broken } = watch;
  let head = Buffer.alloc(0);
  let entries = 0;
  // As if an empty line stood before all of it.
  let last = Buffer.from("\n\n");
  for await (const chunk of content) {
    if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
    const all = Buffer.concat([last, chunk]);
    // An entry is over where an empty line follows it; a second one ends nothing more.
    for (let at = all.indexOf("\n\n", 1); at >= 0; at = all.indexOf("\n\n", at + 1)) {
      const isNew = at + 2 > last.length;
      if (isNew && all[at - 1] !== NEW_LINE) entries++;
    }
    last = Buffer.from(all.subarray(-3));
    yield chunk;
  }
  if (entries === 0 && head.length === 0) {
    if (!mayBeEmpty)
      throw broken(`the database of ${suffix} has no entry; where that is meant, set may-be-empty: true`);
    onEnd({ entries, contextCsn: [] });
    return;
  }
  if (last.subarray(-2).toString() !== "\n\n") throw broken(`the dump of ${suffix} ends in the middle of an entry`);
  const top = parseLdif(head.toString("utf8")).find(({ dn }) => sameName(dn) === sameName(suffix));
  if (top === undefined) throw broken(`the dump of ${suffix} lacks the entry of the suffix itself`);
  onEnd({ entries, contextCsn: valuesOf(top, "contextCSN") });
}
