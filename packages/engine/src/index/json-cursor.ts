/**
 * A strict JSON reader over bytes that calls back for members and elements instead of building a document. It reads
 * what index files need: objects, arrays, plain strings, 32-bit numbers; anything else is skipped as a value.
 */
import { engineError } from "../errors.ts";

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const NULL = Buffer.from("null");

export class JsonCursor {
  /** Position of the next byte to read; of a value whenever a callback runs. */
  at = 0;
  readonly #json: Uint8Array;
  readonly #what: string;

  /** @param what names the document in an error */
  constructor(json: Uint8Array, what: string) {
    this.#json = json;
    this.#what = what;
    this.#skipSpace();
  }

  /** Reads an object; `member` must read the value of the key it is given. @throws ENGINE_MALFORMED */
  readObject(member: (key: string) => void): void {
    this.#expect(OPEN_BRACE, "an object");
    this.#readMembers(CLOSE_BRACE, () => {
      const key = this.#readKey();
      this.#skipSpace();
      this.#expect(COLON, "':'");
      this.#skipSpace();
      member(key);
    });
  }

  /** Reads an array, or null as an empty one; `element` must read one element. @throws ENGINE_MALFORMED */
  readArray(element: () => void): void {
    if (this.readNull()) return;
    this.#expect(OPEN_BRACKET, "an array");
    this.#readMembers(CLOSE_BRACKET, element);
  }

  /** Reads `null` if it stands here. */
  readNull(): boolean {
    if (NULL.some((byte, n) => this.#json[this.at + n] !== byte)) return false;
    this.at += NULL.length;
    return true;
  }

  /** Reads a string as it stands, escapes not resolved; one byte a character. @throws ENGINE_MALFORMED */
  readRawString(): string {
    const start = this.at;
    this.#skipString();
    return this.#text(start + 1, this.at - 1);
  }

  /** Reads a whole number from 0 to 2^32 - 1. @throws ENGINE_MALFORMED */
  readUint32(): number {
    const start = this.at;
    const text = this.#text(start, this.#scalarEnd(start));
    if (!/^(0|[1-9][0-9]{0,9})$/.test(text) || Number(text) > 0xffff_ffff) {
      throw this.#malformed("a number is not a whole number below 2^32");
    }
    this.at = start + text.length;
    return Number(text);
  }

  /** Passes over any one value. @throws ENGINE_MALFORMED */
  skipValue(): void {
    const start = this.at;
    const json = this.#json;
    let depth = 0;
    do {
      const byte = json[this.at];
      if (byte === undefined) throw this.#malformed("it ends inside a value");
      if (byte === QUOTE) this.#skipString();
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1;
        this.at += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1;
        this.at += 1;
      } else this.at = Math.max(this.at + 1, this.#scalarEnd(this.at));
    } while (depth > 0);
    // Values of unknown keys are rare and small, so they are checked the simple way.
    this.#parse(start, this.at);
  }

  /** Checks that nothing but whitespace is left. @throws ENGINE_MALFORMED */
  expectEnd(): void {
    this.#skipSpace();
    if (this.at < this.#json.length) throw this.#malformed("there is more after its end");
  }

  #readMembers(close: number, member: () => void): void {
    this.#skipSpace();
    if (this.#json[this.at] === close) {
      this.at += 1;
      return;
    }
    for (;;) {
      member();
      this.#skipSpace();
      if (this.#json[this.at] === close) break;
      this.#expect(COMMA, "',' or the end of a list");
      this.#skipSpace();
    }
    this.at += 1;
  }

  #readKey(): string {
    const start = this.at;
    this.#expect(QUOTE, "a key");
    this.at = start;
    this.#skipString();
    const raw = this.#text(start + 1, this.at - 1);
    return raw.includes("\\") ? String(this.#parse(start, this.at)) : raw;
  }

  /** Passes over a string that starts here. */
  #skipString(): void {
    const json = this.#json;
    this.#expect(QUOTE, "a string");
    for (let byte = json[this.at]; byte !== QUOTE; byte = json[this.at]) {
      if (byte === undefined || byte < 0x20) throw this.#malformed("a string is not closed");
      this.at += byte === BACKSLASH ? 2 : 1;
    }
    this.at += 1;
  }

  #skipSpace(): void {
    const json = this.#json;
    for (;;) {
      const byte = json[this.at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.at += 1;
    }
  }

  /** Where a number or a word that starts at `start` ends. */
  #scalarEnd(start: number): number {
    const json = this.#json;
    let at = start;
    while (at < json.length && /[-+.0-9a-zA-Z]/.test(String.fromCharCode(json[at] as number))) at += 1;
    return at;
  }

  #expect(byte: number, wanted: string): void {
    if (this.#json[this.at] !== byte) throw this.#malformed(`${wanted} is missing`);
    this.at += 1;
  }

  #parse(start: number, end: number): unknown {
    try {
      return JSON.parse(Buffer.from(this.#json.subarray(start, end)).toString("utf8"));
    } catch {
      throw this.#malformed("a value is not JSON");
    }
  }

  #text(start: number, end: number): string {
    return Buffer.prototype.latin1Slice.call(this.#json, start, end);
  }

  #malformed(reason: string): Error {
    return engineError("ENGINE_MALFORMED", { what: this.#what, reason: `${reason} (at byte ${this.at})` });
  }
}
