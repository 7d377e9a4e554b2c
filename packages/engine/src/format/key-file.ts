/**
 * Key files: the master key, sealed under a key that scrypt derives from a password (restic: doc/design.rst, "Keys,
 * Encryption and MAC"). They are stored as plain JSON, so what they ask of scrypt is bounded before anything is
 * computed.
 */
import type { ScryptParameters } from "../crypto/kdf.ts";
import { goJsonString } from "./go-json.ts";
import type { Id } from "./id.ts";
import { JsonFields, parseJson } from "./json-fields.ts";

/** What a key file holds, with what scrypt needs to derive the key that opens `data`. */
export interface KeyFile extends ScryptParameters {
  /** When it was made, as Go writes times. */
  readonly created: string;
  /** Who made it, and where. */
  readonly username: string;
  readonly hostname: string;
  /** The sealed JSON of the master key. */
  readonly data: Uint8Array;
}

/** A key file by its name, and what deriving its key takes: enough to begin with that before the file is there. None of it is secret. */
export interface KnownKey {
  readonly id: Id;
  readonly parameters: ScryptParameters;
}

const SALT_BYTES = 64;
/** Memory that scrypt may be asked to use. */
const MAX_MEMORY_BYTES = 1024 * 1024 * 1024;
/** N·r·p that scrypt may be asked to do: about a minute, where restic's own key files take half a second. */
const MAX_WORK = 2 ** 27;
const MAX_DATA_BYTES = 4096;

/** The JSON as restic writes it. */
export function encodeKeyFile(file: KeyFile): Uint8Array {
  const { N, r, p, salt } = file;
  return Buffer.from(
    `{"created":${goJsonString(file.created)},"username":${goJsonString(file.username)},` +
      `"hostname":${goJsonString(file.hostname)},"kdf":"scrypt","N":${N},"r":${r},"p":${p},` +
      `"salt":"${Buffer.from(salt).toString("base64")}","data":"${Buffer.from(file.data).toString("base64")}"}`,
  );
}

/**
 * Reads a key file.
 *
 * @throws ENGINE_MALFORMED, also when scrypt would need more than 1 GiB or take minutes
 */
export function decodeKeyFile(json: Uint8Array, what = "a key file"): KeyFile {
  const fields = new JsonFields(parseJson(json, what), what);
  if (fields.text("kdf") !== "scrypt") throw fields.malformed(`"kdf" is not "scrypt"`);
  return {
    created: fields.text("created", ""),
    username: fields.text("username", ""),
    hostname: fields.text("hostname", ""),
    ...parametersIn(fields),
    data: fields.base64("data", { minBytes: 32, maxBytes: MAX_DATA_BYTES }),
  };
}

/** As JSON, for who wants to remember it. */
export function encodeKnownKey({ id, parameters: { N, r, p, salt } }: KnownKey): Readonly<Record<string, unknown>> {
  return { id, N, r, p, salt: Buffer.from(salt).toString("base64") };
}

/** Reads what `encodeKnownKey` has made. @throws ENGINE_MALFORMED, as `decodeKeyFile` */
export function decodeKnownKey(value: unknown): KnownKey {
  const fields = new JsonFields(value, "what is known of a key");
  return { id: fields.id("id"), parameters: parametersIn(fields) };
}

function parametersIn(fields: JsonFields): ScryptParameters {
  const N = fields.integer("N", { min: 2, max: 2 ** 30 });
  const r = fields.integer("r", { min: 1, max: 2 ** 20 });
  const p = fields.integer("p", { min: 1, max: 2 ** 20 });
  if (!Number.isInteger(Math.log2(N))) throw fields.malformed(`"N" is not a power of two`);
  if (128 * r * (N + p) > MAX_MEMORY_BYTES) throw fields.malformed("scrypt would need more than 1 GiB of memory");
  if (N * r * p > MAX_WORK) throw fields.malformed("scrypt would take minutes");
  return { N, r, p, salt: fields.base64("salt", { minBytes: SALT_BYTES, maxBytes: SALT_BYTES }) };
}
