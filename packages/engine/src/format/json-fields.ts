/**
 * Reads fields of the small JSON documents of a repository with exact reasons for what is wrong. Everything read here
 * comes from a store that may be damaged or hostile, so nothing is assumed about types or ranges.
 */
import { engineError } from "../errors.ts";
import { isId, type Id } from "./id.ts";

/** The fields of one JSON object; `what` names the document in errors. Every method @throws ENGINE_MALFORMED. */
export class JsonFields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #what: string;

  constructor(value: unknown, what: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw engineError("ENGINE_MALFORMED", { what, reason: "it is not a JSON object" });
    }
    this.#object = value as Record<string, unknown>;
    this.#what = what;
  }

  /** The error for a reason of the caller's. */
  malformed(reason: string): Error {
    return engineError("ENGINE_MALFORMED", { what: this.#what, reason });
  }

  /** True when the field is there and not `null`. */
  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  /** A text; `otherwise` when the field is absent. */
  text(name: string, otherwise?: string): string {
    const value = this.#get(name) ?? otherwise;
    if (typeof value !== "string") throw this.malformed(`"${name}" is not a text`);
    return value;
  }

  /** A whole number from `min` to `max`; `otherwise` when the field is absent. */
  integer(name: string, { min, max }: { min: number; max: number }, otherwise?: number): number {
    const value = this.#get(name) ?? otherwise;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      throw this.malformed(`"${name}" is not a whole number from ${min} to ${max}`);
    }
    return value;
  }

  /** `true` or `false`; `false` when absent. */
  flag(name: string): boolean {
    const value = this.#get(name) ?? false;
    if (typeof value !== "boolean") throw this.malformed(`"${name}" is neither true nor false`);
    return value;
  }

  /** An id. */
  id(name: string): Id {
    const value = this.text(name);
    if (!isId(value)) throw this.malformed(`"${name}" is not an id`);
    return value;
  }

  /** An id, or `undefined` when the field is absent. */
  optionalId(name: string): Id | undefined {
    return this.has(name) ? this.id(name) : undefined;
  }

  /** A list of texts; empty when absent. */
  texts(name: string): string[] {
    const value = this.#get(name) ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
      throw this.malformed(`"${name}" is not a list of texts`);
    }
    return value;
  }

  /** A list of lists of texts; empty when absent. */
  textLists(name: string): string[][] {
    const value = this.#get(name) ?? [];
    const isList = (item: unknown): item is string[] =>
      Array.isArray(item) && item.every((text) => typeof text === "string");
    if (!Array.isArray(value) || !value.every(isList))
      throw this.malformed(`"${name}" is not a list of lists of texts`);
    return value;
  }

  /** Bytes in base64, as Go writes them: the standard alphabet with padding. */
  base64(name: string, { minBytes, maxBytes }: { minBytes: number; maxBytes: number }): Uint8Array {
    const text = this.text(name);
    if (!isBase64(text)) throw this.malformed(`"${name}" is not base64`);
    const bytes = new Uint8Array(Buffer.from(text, "base64"));
    if (bytes.length < minBytes || bytes.length > maxBytes) {
      throw this.malformed(`"${name}" has ${bytes.length} bytes, not ${minBytes} to ${maxBytes}`);
    }
    return bytes;
  }

  /** The fields of an object inside this one. */
  object(name: string): JsonFields {
    return new JsonFields(this.#get(name), `${this.#what}, "${name}",`);
  }

  /** A list of objects; empty when absent. */
  objects(name: string): JsonFields[] {
    const value = this.#get(name) ?? [];
    if (!Array.isArray(value)) throw this.malformed(`"${name}" is not a list of objects`);
    return value.map((item) => new JsonFields(item, `${this.#what}, "${name}",`));
  }

  /** The fields that are not among `known`, as they are. */
  others(known: ReadonlySet<string>): Readonly<Record<string, unknown>> {
    return Object.fromEntries(Object.entries(this.#object).filter(([name]) => !known.has(name)));
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? (this.#object[name] ?? undefined) : undefined;
  }
}

/** Parses the bytes of a JSON document. @throws ENGINE_MALFORMED */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    // The parser's own message quotes the text, which may be a secret.
    throw engineError("ENGINE_MALFORMED", { what, reason: "it is not JSON" });
  }
}

/** True for standard base64 with its padding. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
