/**
 * Finds what a tree refers to, without making its nodes: of a node only `content` and `subtree` are read. What is overlooked
 * here would be removed, so any JSON layout is read, keys in any case (as Go reads them), and whatever cannot be understood is
 * an error. The type of a node is not looked at: a reference counts wherever it stands.
 */
import { engineError } from "../errors.ts";
import { ID_BYTES } from "../format/id.ts";

/** Gets the raw id of each reference; the bytes are used again for the next one. */
export interface ReferenceSink {
  data(id: Uint8Array): void;
  tree(id: Uint8Array): void;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const NODES = Buffer.from("nodes");
const CONTENT = Buffer.from("content");
const SUBTREE = Buffer.from("subtree");
/** Turns an upper-case letter into a lower-case one, and leaves lower-case letters alone. */
const LOWER_CASE = 0x20;

const NO_DIGIT = 0xff;
const NIBBLES = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  NIBBLES[value.toString(16).charCodeAt(0)] = value;
  NIBBLES[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/** Reads one tree after the other. */
export class TreeReferences {
  readonly #sink: ReferenceSink;
  readonly #id = new Uint8Array(ID_BYTES);
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #what = "";
  // Where the key that was read last stands.
  #keyStart = 0;
  #keyEnd = 0;
  #keyIsEscaped = false;
  readonly #readContentId = (): void => {
    this.#readId();
    this.#sink.data(this.#id);
  };

  constructor(sink: ReferenceSink) {
    this.#sink = sink;
  }

  /**
   * Hands every reference of a tree to the sink, in stored order.
   * @param what names the tree in an error
   * @throws ENGINE_MALFORMED, after the references that stand before the damage
   */
  read(bytes: Uint8Array, what = "a tree"): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#what = what;
    let hasNodes = false;
    this.#readObject(() => {
      if (!this.#isKey(NODES)) return this.#skipValue();
      hasNodes = true;
      this.#readList(() => this.#readNode());
    });
    this.#skipSpace();
    if (this.#at !== bytes.length) throw this.#malformed("nothing more");
    if (!hasNodes) throw engineError("ENGINE_MALFORMED", { what, reason: `it has no list "nodes"` });
  }

  /** The hot loop: an object like others, without a callback for each of its keys. */
  #readNode(): void {
    this.#expect(OPEN_OBJECT, "an object");
    if (this.#take(CLOSE_OBJECT)) return;
    do {
      this.#readKey();
      this.#expect(COLON, "a colon");
      this.#skipSpace();
      if (this.#keyEnd - this.#keyStart !== CONTENT.length && !this.#keyIsEscaped) this.#skipValue();
      else if (this.#isKey(CONTENT)) this.#readList(this.#readContentId);
      else if (this.#isKey(SUBTREE)) this.#readSubtree();
      else this.#skipValue();
    } while (this.#take(COMMA));
    this.#expect(CLOSE_OBJECT, "a comma or the end of an object");
  }

  #readSubtree(): void {
    if (this.#takeNull()) return;
    this.#readId();
    this.#sink.tree(this.#id);
  }

  /** `member` must read the value of the key that was read last. */
  #readObject(member: () => void): void {
    this.#expect(OPEN_OBJECT, "an object");
    if (this.#take(CLOSE_OBJECT)) return;
    do {
      this.#readKey();
      this.#expect(COLON, "a colon");
      this.#skipSpace();
      member();
    } while (this.#take(COMMA));
    this.#expect(CLOSE_OBJECT, "a comma or the end of an object");
  }

  /** A list, or null as an empty one; `element` must read one element. */
  #readList(element: () => void): void {
    if (this.#takeNull()) return;
    this.#expect(OPEN_LIST, "a list");
    if (this.#take(CLOSE_LIST)) return;
    do {
      this.#skipSpace();
      element();
    } while (this.#take(COMMA));
    this.#expect(CLOSE_LIST, "a comma or the end of a list");
  }

  #readKey(): void {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== QUOTE) throw this.#malformed("a key");
    this.#keyStart = this.#at + 1;
    this.#keyIsEscaped = this.#skipString();
    this.#keyEnd = this.#at - 1;
  }

  #isKey(name: Uint8Array): boolean {
    if (this.#keyIsEscaped) return this.#unescapedKey().toLowerCase() === Buffer.from(name).toString("latin1");
    if (this.#keyEnd - this.#keyStart !== name.length) return false;
    for (let n = 0; n < name.length; n++) {
      if (((this.#bytes[this.#keyStart + n] as number) | LOWER_CASE) !== name[n]) return false;
    }
    return true;
  }

  #unescapedKey(): string {
    const json = Buffer.prototype.utf8Slice.call(this.#bytes, this.#keyStart - 1, this.#keyEnd + 1);
    try {
      return String(JSON.parse(json));
    } catch {
      throw this.#malformed("a key");
    }
  }

  #readId(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at++] !== QUOTE || at + 2 * ID_BYTES > bytes.length) throw this.#malformed("an id");
    for (let n = 0; n < ID_BYTES; n++) {
      const high = NIBBLES[bytes[at++] as number] as number;
      const low = NIBBLES[bytes[at++] as number] as number;
      if ((high | low) > 0x0f) throw this.#malformed("an id");
      this.#id[n] = (high << 4) | low;
    }
    if (bytes[at++] !== QUOTE) throw this.#malformed("an id");
    this.#at = at;
  }

  #skipValue(): void {
    const byte = this.#bytes[this.#at];
    if (byte === QUOTE) this.#skipString();
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#skipNested();
    else this.#skipScalar();
  }

  /** Passes a string that starts here. @returns whether there is an escape in it */
  #skipString(): boolean {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    let isEscaped = false;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      if (byte === undefined) throw this.#malformed("the end of a text");
      if (byte === BACKSLASH) {
        isEscaped = true;
        at++;
      }
    }
    this.#at = at + 1;
    return isEscaped;
  }

  /** Passes an object or a list that starts here. */
  #skipNested(): void {
    let depth = 0;
    do {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw this.#malformed("a closing bracket");
      if (byte === QUOTE) {
        this.#skipString();
        continue;
      }
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
      this.#at++;
    } while (depth > 0);
  }

  /** Passes a number or a word. */
  #skipScalar(): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    for (let byte = bytes[at]; byte !== undefined && byte > 0x20; byte = bytes[++at]) {
      if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST) break;
      // A bracket or a quote here would hide what follows it.
      if (byte === QUOTE || byte === COLON || byte === OPEN_OBJECT || byte === OPEN_LIST)
        throw this.#malformed("a value");
    }
    if (at === start) throw this.#malformed("a value");
    this.#at = at;
  }

  #takeNull(): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    // n, u, l, l
    if (bytes[at] !== 0x6e || bytes[at + 1] !== 0x75 || bytes[at + 2] !== 0x6c || bytes[at + 3] !== 0x6c) return false;
    this.#at = at + 4;
    return true;
  }

  #take(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) {
      this.#skipSpace();
      if (this.#bytes[this.#at] !== byte) return false;
    }
    this.#at++;
    return true;
  }

  #expect(byte: number, meaning: string): void {
    if (!this.#take(byte)) throw this.#malformed(meaning);
  }

  #skipSpace(): void {
    let byte = this.#bytes[this.#at];
    // Few programs write any.
    if ((byte as number) > 0x20) return;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.#at];
  }

  #malformed(expected: string): Error {
    const reason = `at byte ${Math.min(this.#at, this.#bytes.length)} of ${this.#bytes.length}, ${expected} was expected`;
    return engineError("ENGINE_MALFORMED", { what: this.#what, reason });
  }
}
