/**
 * The repository's `config` file: written by `init`, replaced only by an upgrade (restic: doc/design.rst, "Repository
 * Layout").
 */
import { isHoldfastError, messageOf } from "@holdfast/base";

import { engineError } from "../errors.ts";
import { isId, type Id } from "./id.ts";
import { JsonFields, parseJson } from "./json-fields.ts";

/** What `config` holds. */
export interface RepositoryConfig {
  /** 1, or 2 which adds compression. */
  readonly version: 1 | 2;
  /** Random; tells repositories apart. */
  readonly id: Id;
  /** Irreducible polynomial over GF(2) of the chunker; bit n is the coefficient of x^n. */
  readonly chunkerPolynomial: bigint;
}

/** The JSON as restic writes it. */
export function encodeConfig(config: RepositoryConfig): Uint8Array {
  const polynomial = config.chunkerPolynomial.toString(16);
  return Buffer.from(`{"version":${config.version},"id":"${config.id}","chunker_polynomial":"${polynomial}"}`);
}

/**
 * Reads the plain JSON of `config`. Whether the polynomial is irreducible is for the chunker to say.
 *
 * @throws ENGINE_CONFIG_BROKEN, ENGINE_VERSION_UNSUPPORTED
 */
export function decodeConfig(json: Uint8Array): RepositoryConfig {
  let version: number;
  let id: string;
  let polynomial: string;
  try {
    const fields = new JsonFields(parseJson(json, "config"), "config");
    version = fields.integer("version", { min: 0, max: Number.MAX_SAFE_INTEGER });
    id = fields.text("id");
    polynomial = fields.text("chunker_polynomial");
  } catch (cause) {
    throw engineError("ENGINE_CONFIG_BROKEN", { reason: reasonOf(cause) }, cause);
  }
  if (version !== 1 && version !== 2) throw engineError("ENGINE_VERSION_UNSUPPORTED", { version });
  if (!isId(id)) throw engineError("ENGINE_CONFIG_BROKEN", { reason: `"id" is not an id` });
  if (!/^[1-9a-f][0-9a-f]{0,15}$/.test(polynomial)) {
    throw engineError("ENGINE_CONFIG_BROKEN", { reason: `"chunker_polynomial" is not a polynomial in hex` });
  }
  return { version, id, chunkerPolynomial: BigInt(`0x${polynomial}`) };
}

function reasonOf(cause: unknown): string {
  return isHoldfastError(cause) ? String(cause.details["reason"]) : messageOf(cause);
}
