/**
 * Authenticated encryption of everything that is stored: AES-256 in counter mode, then Poly1305-AES over the
 * ciphertext (restic: doc/design.rst, "Keys, Encryption and MAC"; D. J. Bernstein, "The Poly1305-AES
 * message-authentication code"). Sealed form: 16 bytes IV, ciphertext, 16 bytes MAC. The IV is also the nonce of the
 * MAC.
 */
import { createCipheriv, randomFillSync, timingSafeEqual, type Cipheriv } from "node:crypto";

import { engineError } from "../errors.ts";
import { sealingPrimitives, type SealingPrimitives } from "./primitives.ts";

/** Bytes that sealing adds to a plain text. */
export const SEAL_OVERHEAD = 32;

const IV_BYTES = 16;
const MAC_BYTES = 16;
/** Nonces drawn and encrypted in one go: each of these calls costs as much as encrypting 4 KiB. */
const NONCES_PER_BATCH = 512;
/** Most blobs are smaller, so that memory for them is made once. */
const MIN_TRANSIENT_BYTES = 2 * 1024 * 1024;

/**
 * The secrets of a repository, or those derived from a password: 32 bytes for AES-256, 16 for AES-128, 16 for
 * Poly1305.
 */
export interface MasterKey {
  readonly encrypt: Uint8Array;
  readonly macK: Uint8Array;
  readonly macR: Uint8Array;
}

/** Seals and opens under one key. Not for use by several threads at once: each makes its own. */
export class Sealer {
  readonly #primitives: SealingPrimitives;
  /** AES-128 of single blocks. In ECB mode it carries no state from block to block, so one object serves for ever. */
  readonly #nonceCipher: Cipheriv;
  /** r, then the encrypted nonce of the message at hand. Poly1305 itself clears the bits of r that must be zero. */
  readonly #macKey = new Uint8Array(IV_BYTES + MAC_BYTES);
  readonly #nonces = new Uint8Array(NONCES_PER_BATCH * IV_BYTES);
  #pads: Uint8Array = new Uint8Array(0);
  #nextNonce = NONCES_PER_BATCH;
  #transient: Uint8Array = new Uint8Array(0);

  constructor(key: MasterKey) {
    this.#primitives = sealingPrimitives(key.encrypt);
    this.#nonceCipher = createCipheriv("aes-128-ecb", key.macK, null);
    this.#nonceCipher.setAutoPadding(false);
    this.#macKey.set(key.macR);
  }

  /** Encrypts under a fresh random IV; the result is `SEAL_OVERHEAD` bytes longer. */
  seal(plain: Uint8Array): Uint8Array {
    const out = new Uint8Array(plain.length + SEAL_OVERHEAD);
    this.sealInto(plain, out, 0);
    return out;
  }

  /** As `seal`, into `out` (which may be shared memory) from `offset`. Returns the bytes written. */
  sealInto(plain: Uint8Array, out: Uint8Array, offset: number): number {
    const end = offset + IV_BYTES + plain.length;
    if (end + MAC_BYTES > out.length) throw new RangeError("no room for the sealed bytes");
    if (this.#nextNonce === NONCES_PER_BATCH) this.#drawNonces();
    const at = this.#nextNonce++ * IV_BYTES;
    const iv = this.#nonces.subarray(at, at + IV_BYTES);
    const ciphertext = out.subarray(offset + IV_BYTES, end);
    out.set(iv, offset);
    this.#primitives.crypt(iv, plain, ciphertext);
    out.set(this.#mac(ciphertext, this.#pads.subarray(at, at + IV_BYTES)), end);
    return plain.length + SEAL_OVERHEAD;
  }

  /** Checks the MAC, then decrypts. @throws ENGINE_UNAUTHENTIC, which names `what` as the damaged thing */
  open(sealed: Uint8Array, what = "stored data"): Uint8Array {
    return this.#openInto(sealed, what, (bytes) => new Uint8Array(bytes));
  }

  /** As `open`, into memory that the next call uses again: for bytes that are decompressed, hashed or written at once. */
  openTransient(sealed: Uint8Array, what = "stored data"): Uint8Array {
    return this.#openInto(sealed, what, (bytes) => {
      if (this.#transient.length < bytes) this.#transient = new Uint8Array(Math.max(bytes, MIN_TRANSIENT_BYTES));
      return this.#transient.subarray(0, bytes);
    });
  }

  #openInto(sealed: Uint8Array, what: string, room: (bytes: number) => Uint8Array): Uint8Array {
    const end = sealed.length - MAC_BYTES;
    if (end < IV_BYTES) throw engineError("ENGINE_UNAUTHENTIC", { what });
    const iv = sealed.subarray(0, IV_BYTES);
    const ciphertext = sealed.subarray(IV_BYTES, end);
    const mac = this.#mac(ciphertext, this.#nonceCipher.update(iv));
    if (!timingSafeEqual(mac, sealed.subarray(end))) throw engineError("ENGINE_UNAUTHENTIC", { what });
    const plain = room(ciphertext.length);
    this.#primitives.crypt(iv, ciphertext, plain);
    return plain;
  }

  #mac(ciphertext: Uint8Array, pad: Uint8Array): Uint8Array {
    this.#macKey.set(pad, MAC_BYTES);
    return this.#primitives.mac(this.#macKey, ciphertext);
  }

  #drawNonces(): void {
    randomFillSync(this.#nonces);
    this.#pads = this.#nonceCipher.update(this.#nonces);
    this.#nextNonce = 0;
  }
}
