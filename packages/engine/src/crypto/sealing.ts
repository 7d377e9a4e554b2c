/**
 * Authenticated encryption of everything that is stored: AES-256 in counter mode, then Poly1305-AES over the
 * ciphertext (restic: doc/design.rst, "Keys, Encryption and MAC"; D. J. Bernstein, "The Poly1305-AES
 * message-authentication code"). Sealed form: 16 bytes IV, ciphertext, 16 bytes MAC. The IV is also the nonce of the
 * MAC.
 */
import * as nodeCrypto from "node:crypto";

import { engineError } from "../errors.ts";

const { createCipheriv, createSecretKey, randomFillSync, timingSafeEqual } = nodeCrypto;

interface Mac {
  update(bytes: Uint8Array): this;
  final(): Buffer;
  final(encoding: "binary"): string;
}

// Node has it since 26.0; the type package does not list it yet.
const { createMac } = nodeCrypto as unknown as { createMac(algorithm: "poly1305", key: Uint8Array): Mac };

/** Bytes that sealing adds to a plain text. */
export const SEAL_OVERHEAD = 32;

const IV_BYTES = 16;
const MAC_BYTES = 16;
/** Nonces drawn and encrypted in one go: each of these calls costs as much as encrypting 4 KiB. */
const NONCES_PER_BATCH = 512;

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
  readonly #encryptionKey: nodeCrypto.KeyObject;
  /** AES-128 of single blocks. In ECB mode it carries no state from block to block, so one object serves for ever. */
  readonly #nonceCipher: nodeCrypto.Cipheriv;
  /** r, then the encrypted nonce of the message at hand. Poly1305 itself clears the bits of r that must be zero. */
  readonly #macKey = new Uint8Array(IV_BYTES + MAC_BYTES);
  readonly #nonces = new Uint8Array(NONCES_PER_BATCH * IV_BYTES);
  #pads: Uint8Array = new Uint8Array(0);
  #nextNonce = NONCES_PER_BATCH;

  constructor(key: MasterKey) {
    this.#encryptionKey = createSecretKey(key.encrypt);
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
    const ciphertext = createCipheriv("aes-256-ctr", this.#encryptionKey, iv).update(plain);
    out.set(iv, offset);
    out.set(ciphertext, offset + IV_BYTES);
    const mac = this.#mac(ciphertext, this.#pads.subarray(at, at + IV_BYTES)).final("binary");
    // As a one-byte string the MAC leaves native code half a microsecond faster than as a Buffer.
    Buffer.prototype.latin1Write.call(out, mac, end, MAC_BYTES);
    return plain.length + SEAL_OVERHEAD;
  }

  /** Checks the MAC, then decrypts. @throws ENGINE_UNAUTHENTIC, which names `what` as the damaged thing */
  open(sealed: Uint8Array, what = "stored data"): Uint8Array {
    const end = sealed.length - MAC_BYTES;
    if (end < IV_BYTES) throw engineError("ENGINE_UNAUTHENTIC", { what });
    const iv = sealed.subarray(0, IV_BYTES);
    const ciphertext = sealed.subarray(IV_BYTES, end);
    const mac = this.#mac(ciphertext, this.#nonceCipher.update(iv)).final();
    if (!timingSafeEqual(mac, sealed.subarray(end))) throw engineError("ENGINE_UNAUTHENTIC", { what });
    // Counter mode decrypts by encrypting once more.
    return createCipheriv("aes-256-ctr", this.#encryptionKey, iv).update(ciphertext);
  }

  #mac(ciphertext: Uint8Array, pad: Uint8Array): Mac {
    this.#macKey.set(pad, MAC_BYTES);
    return createMac("poly1305", this.#macKey).update(ciphertext);
  }

  #drawNonces(): void {
    randomFillSync(this.#nonces);
    this.#pads = this.#nonceCipher.update(this.#nonces);
    this.#nextNonce = 0;
  }
}
