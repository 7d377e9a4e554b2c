/** The form of Debian's control files: paragraphs of fields, whose continued lines begin with a blank. */

/** A paragraph; names of fields are in small letters, continued lines are joined by line ends. */
export type Stanza = ReadonlyMap<string, string>;

export function parseStanzas(text: string): Stanza[] {
  const stanzas: Stanza[] = [];
  let fields = new Map<string, string>();
  let last: string | undefined;
  const finish = (): void => {
    if (fields.size > 0) stanzas.push(fields);
    fields = new Map();
    last = undefined;
  };
  for (const line of text.split("\n")) {
    if (line.trim() === "") finish();
    else if (line.startsWith("#")) continue;
    else if (/^\s/.test(line)) {
      if (last !== undefined) fields.set(last, `${fields.get(last) ?? ""}\n${line.trim()}`);
    } else {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      last = line.slice(0, colon).toLowerCase();
      fields.set(last, line.slice(colon + 1).trim());
    }
  }
  finish();
  return stanzas;
}
