/** The two primitives of sealing, as `sealing.ts` needs them: AES-256-CTR into a given place, and Poly1305 of one message. */
import { createSecretKey } from "node:crypto";
import * as nodeCrypto from "node:crypto";
import { isHoldfastError } from "@holdfast/base";
import { openNativePrimitives } from "../platform/openssl.ts";

export interface SealingPrimitives {
  /** AES-256-CTR of `input` into the same number of bytes at the start of `out`. Encrypts and decrypts. */
  crypt(iv: Uint8Array, input: Uint8Array, out: Uint8Array): void;
  /** Poly1305 under a one-time key of 32 bytes; the result is valid until the next call. */
  mac(oneTimeKey: Uint8Array, message: Uint8Array): Uint8Array;
}

/**
 * The fastest primitives that this Node has. OpenSSL called directly keeps its contexts and writes straight into a pack,
 * where `node:crypto` allocates a result as large as the message for each call.
 */
export function sealingPrimitives(encryptionKey: Uint8Array): SealingPrimitives {
  try {
    return openNativePrimitives(encryptionKey);
  } catch (error) {
    if (isHoldfastError(error, "ENGINE_NO_FFI")) return portablePrimitives(encryptionKey);
    throw error;
  }
}

/** On `node:crypto` alone. */
export function portablePrimitives(encryptionKey: Uint8Array): SealingPrimitives {
  const key = createSecretKey(encryptionKey);
  return {
    crypt(iv, input, out) {
      out.set(nodeCrypto.createCipheriv("aes-256-ctr", key, iv).update(input));
    },
    mac: (oneTimeKey, message) => createMac("poly1305", oneTimeKey).update(message).final(),
  };
}

interface Mac {
  update(data: Uint8Array): Mac;
  final(): Buffer;
}

// Node 26 has it, its type definitions do not yet.
const { createMac } = nodeCrypto as unknown as { createMac(algorithm: "poly1305", key: Uint8Array): Mac };
