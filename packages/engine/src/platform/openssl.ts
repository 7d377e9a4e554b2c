/** AES-256-CTR and Poly1305 of the OpenSSL inside Node, called directly, with contexts that are kept from call to call. */
import { processFunctions } from "./ffi.ts";

const ENCRYPT = 1;
const TAG_BYTES = 16;
const NULL = 0n;

function openssl(): ReturnType<typeof load> {
  loaded ??= load();
  return loaded;
}

let loaded: ReturnType<typeof load> | undefined;

function load() {
  const setKey = processFunctions({
    EVP_CipherInit_ex2: { arguments: ["pointer", "pointer", "buffer", "buffer", "int32", "pointer"], return: "int32" },
  });
  const functions = processFunctions({
    EVP_CIPHER_CTX_new: { arguments: [], return: "pointer" },
    EVP_aes_256_ctr: { arguments: [], return: "pointer" },
    EVP_CipherInit_ex2: { arguments: ["pointer", "pointer", "pointer", "buffer", "int32", "pointer"], return: "int32" },
    EVP_CipherUpdate: { arguments: ["pointer", "buffer", "buffer", "buffer", "int32"], return: "int32" },
    EVP_MAC_fetch: { arguments: ["pointer", "buffer", "pointer"], return: "pointer" },
    EVP_MAC_CTX_new: { arguments: ["pointer"], return: "pointer" },
    EVP_MAC_init: { arguments: ["pointer", "buffer", "uint64", "pointer"], return: "int32" },
    EVP_MAC_update: { arguments: ["pointer", "buffer", "uint64"], return: "int32" },
    EVP_MAC_final: { arguments: ["pointer", "buffer", "buffer", "uint64"], return: "int32" },
  });
  return { ...functions, setKey: setKey.EVP_CipherInit_ex2 };
}

/**
 * One key's cipher and a MAC, for one thread. The contexts (about 1 KiB) live as long as the process; a process opens few
 * keys.
 * @throws ENGINE_NO_FFI when this Node does not export these symbols
 */
export function openNativePrimitives(encryptionKey: Uint8Array): {
  crypt(iv: Uint8Array, input: Uint8Array, out: Uint8Array): void;
  mac(oneTimeKey: Uint8Array, message: Uint8Array): Uint8Array;
} {
  const evp = openssl();
  const cipher = evp.EVP_CIPHER_CTX_new();
  const mac = evp.EVP_MAC_CTX_new(evp.EVP_MAC_fetch(NULL, Buffer.from("POLY1305\0"), NULL));
  if (cipher === NULL || mac === NULL) throw new RangeError("no memory for OpenSSL");
  const noIv = new Uint8Array(16);
  expect(evp.setKey(cipher, evp.EVP_aes_256_ctr(), encryptionKey, noIv, ENCRYPT, NULL), "EVP_CipherInit_ex2");
  const written = new Uint8Array(4);
  const tagBytes = new Uint8Array(8);
  const tag = new Uint8Array(TAG_BYTES);
  return {
    crypt(iv, input, out) {
      if (out.length < input.length) throw new RangeError("no room for the result of the cipher");
      // Counter mode decrypts by encrypting, so one direction serves both. Only the IV changes: the key is kept.
      expect(evp.EVP_CipherInit_ex2(cipher, NULL, NULL, iv, ENCRYPT, NULL), "EVP_CipherInit_ex2");
      expect(evp.EVP_CipherUpdate(cipher, out, written, input, input.length), "EVP_CipherUpdate");
    },
    mac(oneTimeKey, message) {
      expect(evp.EVP_MAC_init(mac, oneTimeKey, BigInt(oneTimeKey.length), NULL), "EVP_MAC_init");
      expect(evp.EVP_MAC_update(mac, message, BigInt(message.length)), "EVP_MAC_update");
      expect(evp.EVP_MAC_final(mac, tag, tagBytes, BigInt(TAG_BYTES)), "EVP_MAC_final");
      return tag;
    },
  };
}

function expect(result: number, call: string): void {
  if (result !== 1) throw new Error(`${call} of OpenSSL failed`);
}
