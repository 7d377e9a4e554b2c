/**
 * Finds the nodes in the bytes of a tree without parsing them: only strings and brackets are looked at. It accepts
 * any JSON layout, with white space and unknown fields; what stands inside a node is for the parser of nodes to
 * judge.
 */
import { engineError } from "../errors.ts";
import { nameOf } from "./node-decoding.ts";

/** A node in the bytes of a tree: its name, and where its JSON begins and ends. */
export interface TreeSlice {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const NAME_FIELD = Buffer.from('{"name":"');

/**
 * The nodes of a tree, in stored order.
 *
 * @throws ENGINE_MALFORMED during iteration: where the structure breaks, or a node has no valid name
 */
export function* treeSlices(bytes: Uint8Array, what = "a tree"): Iterable<TreeSlice> {
  const scanner = new Scanner(bytes, what);
  scanner.findNodes();
  if (scanner.take(CLOSE_LIST)) return scanner.finish();
  do {
    scanner.skipSpace();
    const start = scanner.at;
    const name = scanner.skipNode();
    yield { name, start, end: scanner.at };
  } while (scanner.take(COMMA));
  scanner.expect(CLOSE_LIST, "a comma or the end of the entries");
  scanner.finish();
}

/** The text of a part of the bytes. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.utf8Slice.call(bytes, start, end);
}

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Goes to the first node. */
  findNodes(): void {
    this.expect(OPEN_OBJECT, "an object");
    while (this.#key() !== "nodes") {
      this.#skipValue();
      this.expect(COMMA, `the field "nodes"`);
    }
    this.expect(OPEN_LIST, `a list as "nodes"`);
  }

  /** Reads what follows the nodes. */
  finish(): void {
    while (this.take(COMMA)) {
      this.#key();
      this.#skipValue();
    }
    this.expect(CLOSE_OBJECT, "the end of the object");
    this.skipSpace();
    if (this.at !== this.#bytes.length) throw this.#malformed("nothing more");
  }

  /** Passes a node and returns its name. */
  skipNode(): string {
    const bytes = this.#bytes;
    const start = this.at;
    for (let n = 0; n < NAME_FIELD.length; n++) {
      if (bytes[start + n] !== NAME_FIELD[n]) return this.#skipUnusualNode();
    }
    const nameStart = start + NAME_FIELD.length;
    let at = nameStart;
    let byte = bytes[at];
    let plain = true;
    while (byte !== QUOTE) {
      if (byte === undefined) throw this.#malformed("the end of a name", at);
      if (byte === BACKSLASH) at++;
      if (byte === BACKSLASH || byte < 0x20 || byte > 0x7e) plain = false;
      byte = bytes[++at];
    }
    this.at = at + 1;
    this.#skipNested(1);
    if (plain) return Buffer.prototype.latin1Slice.call(bytes, nameStart, at);
    return nameOf(this.#parse(nameStart - 1, at + 1), this.#what);
  }

  skipSpace(): void {
    let byte = this.#bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.at];
  }

  /** Passes `byte` if it comes next. */
  take(byte: number): boolean {
    this.skipSpace();
    if (this.#bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  expect(byte: number, meaning: string): void {
    if (!this.take(byte)) throw this.#malformed(meaning);
  }

  /** A layout that no known program writes: the name is not the first field. */
  #skipUnusualNode(): string {
    const start = this.at;
    this.expect(OPEN_OBJECT, "an entry");
    this.#skipNested(1);
    const node = this.#parse(start, this.at) as Readonly<Record<string, unknown>>;
    return nameOf(node["name"], this.#what);
  }

  #key(): string {
    this.skipSpace();
    const start = this.at;
    if (this.#bytes[start] !== QUOTE) throw this.#malformed("a field");
    this.#skipString();
    const key = this.#parse(start, this.at) as string;
    this.expect(COLON, "a colon");
    return key;
  }

  #skipValue(): void {
    this.skipSpace();
    const start = this.at;
    const byte = this.#bytes[start];
    if (byte === QUOTE) return this.#skipString();
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      this.at++;
      return this.#skipNested(1);
    }
    while (!isEndOfScalar(this.#bytes[this.at])) this.at++;
    this.#parse(start, this.at);
  }

  /** Passes everything up to the bracket that closes the `depth` ones that are open. */
  #skipNested(depth: number): void {
    const bytes = this.#bytes;
    let at = this.at;
    while (depth > 0) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        let inner = bytes[++at];
        while (inner !== QUOTE) {
          if (inner === undefined) throw this.#malformed("the end of a text", at);
          if (inner === BACKSLASH) at++;
          inner = bytes[++at];
        }
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
      else if (byte === undefined) throw this.#malformed("a closing bracket", at);
      at++;
    }
    this.at = at;
  }

  #skipString(): void {
    const bytes = this.#bytes;
    let at = this.at + 1;
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
      if (byte === undefined) throw this.#malformed("the end of a text", at);
      if (byte === BACKSLASH) at++;
    }
    this.at = at + 1;
  }

  #parse(start: number, end: number): unknown {
    try {
      return JSON.parse(textOf(this.#bytes, start, end));
    } catch {
      throw this.#malformed("valid JSON", start);
    }
  }

  #malformed(expected: string, at = this.at): Error {
    const reason = `at byte ${Math.min(at, this.#bytes.length)} of ${this.#bytes.length}, ${expected} was expected`;
    return engineError("ENGINE_MALFORMED", { what: this.#what, reason });
  }
}

function isEndOfScalar(byte: number | undefined): boolean {
  return byte === undefined || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte <= 0x20;
}
