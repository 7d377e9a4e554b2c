/** Long XML answers (listings), read as they come: only one entry is held at a time. */
import { storageError } from "../errors.ts";

/** One element that was asked for. Names are local: without their prefixes. */
export interface XmlEntry {
  readonly element: string;
  /** The text of the element itself. */
  readonly text: string;
  /** Text of what is in it, by path: `prop/getcontentlength`. Where a path comes twice, the first that is not empty counts. */
  readonly fields: ReadonlyMap<string, string>;
}

/** No entry of a file is as long: without a bound, a server could fill the memory with one. */
const MAX_ENTRY_CHARS = 1024 * 1024;

/**
 * Yields every element of one of the `wanted` names that lies in none of the others, in their order.
 * @throws STORAGE_FAILED when it is no XML, and what the chunks throw
 */
export async function* readXmlEntries(
  chunks: AsyncIterable<Uint8Array>,
  wanted: ReadonlySet<string>,
  location: string,
): AsyncGenerator<XmlEntry> {
  const { default: sax } = await import("sax");
  const collector = new EntryCollector(wanted);
  const parser = sax.parser(true, { position: false });
  const onText = (text: string): void => collector.text(text);
  Object.assign(parser, {
    onopentag: ({ name }: { name: string }) => collector.open(localName(name)),
    onclosetag: () => collector.close(),
    ontext: onText,
    oncdata: onText,
  });
  const decoder = new TextDecoder();
  const parse = (text: string): XmlEntry[] => {
    try {
      parser.write(text);
    } catch (error) {
      throw noXml(location, error);
    }
    if (collector.pendingChars > MAX_ENTRY_CHARS) throw noXml(location);
    return collector.take();
  };
  for await (const chunk of chunks) yield* parse(decoder.decode(chunk, { stream: true }));
  yield* parse(decoder.decode());
  if (!collector.isComplete) throw noXml(location);
}

class EntryCollector {
  isComplete = false;
  pendingChars = 0;
  readonly #wanted: ReadonlySet<string>;
  #depth = 0;
  #entry: { element: string; depth: number; text: string; path: string[]; fields: Map<string, string> } | undefined;
  #ready: XmlEntry[] = [];

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  open(name: string): void {
    this.#depth++;
    const entry = this.#entry;
    if (entry === undefined) {
      if (!this.#wanted.has(name)) return;
      this.#entry = { element: name, depth: this.#depth, text: "", path: [], fields: new Map() };
      return;
    }
    entry.path.push(name);
    this.#put(entry.path.join("/"), "");
  }

  text(text: string): void {
    const entry = this.#entry;
    if (entry === undefined) return;
    this.pendingChars += text.length;
    if (entry.path.length === 0) entry.text += text;
    else this.#put(entry.path.join("/"), text.trim());
  }

  close(): void {
    this.#depth--;
    if (this.#depth === 0) this.isComplete = true;
    const entry = this.#entry;
    if (entry === undefined) return;
    if (this.#depth >= entry.depth) {
      entry.path.pop();
      return;
    }
    this.#ready.push({ element: entry.element, text: entry.text.trim(), fields: entry.fields });
    this.#entry = undefined;
    this.pendingChars = 0;
  }

  take(): XmlEntry[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #put(path: string, text: string): void {
    this.pendingChars += path.length;
    const fields = this.#entry?.fields;
    if (fields !== undefined && (fields.get(path) ?? "") === "") fields.set(path, text);
  }
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function noXml(location: string, cause?: unknown): Error {
  return storageError(
    "STORAGE_FAILED",
    { location, reason: "the server's listing is no XML, or not all of it" },
    cause,
  );
}
