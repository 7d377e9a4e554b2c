/**
 * Makes an empty repository whose password costs almost nothing, so that tests can run hundreds of commands. Written after
 * restic's design document alone, with none of Holdfast's code: so it is one more witness of the format.
 */
import * as nodeCrypto from "node:crypto";
import { createCipheriv, createHash, randomBytes, scryptSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD } from "./programs.ts";

/** What restic's own tests use; real keys take about half a second. */
const CHEAP = { N: 128, r: 1, p: 1 };
/** Irreducible and of degree 53. */
const POLYNOMIAL = "3da3358b4dc173";

/** Node 26 has it, its types do not yet. */
const { createMac } = nodeCrypto as unknown as {
  createMac(algorithm: "poly1305", key: Uint8Array): { update(bytes: Uint8Array): { final(): Buffer } };
};

interface Key {
  readonly encrypt: Buffer;
  readonly k: Buffer;
  readonly r: Buffer;
}

/** Makes the repository in a folder that does not exist yet, for `PASSWORD`. */
export function makeQuickRepository(folder: string, version: 1 | 2 = 2): void {
  for (const name of ["data", "index", "keys", "locks", "snapshots"])
    mkdirSync(join(folder, name), { recursive: true });
  for (let prefix = 0; prefix < 256; prefix++) mkdirSync(join(folder, "data", prefix.toString(16).padStart(2, "0")));
  const master = splitKey(randomBytes(64));
  const id = randomBytes(32).toString("hex");
  const config = { version, id, chunker_polynomial: POLYNOMIAL };
  writeFileSync(join(folder, "config"), seal(master, Buffer.from(JSON.stringify(config))));
  const keyFile = Buffer.from(JSON.stringify(sealMaster(master)));
  writeFileSync(join(folder, "keys", createHash("sha256").update(keyFile).digest("hex")), keyFile);
}

function sealMaster(master: Key): Record<string, unknown> {
  const salt = randomBytes(64);
  const own = splitKey(scryptSync(PASSWORD, salt, 64, CHEAP));
  const plain = JSON.stringify({
    mac: { k: master.k.toString("base64"), r: master.r.toString("base64") },
    encrypt: master.encrypt.toString("base64"),
  });
  return {
    created: "2026-01-01T00:00:00Z",
    username: "tester",
    hostname: "host",
    kdf: "scrypt",
    ...CHEAP,
    salt: salt.toString("base64"),
    data: seal(own, Buffer.from(plain)).toString("base64"),
  };
}

function splitKey(bytes: Buffer): Key {
  const r = Buffer.from(bytes.subarray(48));
  // The bits that Poly1305 needs clear.
  for (const at of [3, 7, 11, 15]) r[at] = (r[at] as number) & 0x0f;
  for (const at of [4, 8, 12]) r[at] = (r[at] as number) & 0xfc;
  return { encrypt: bytes.subarray(0, 32), k: bytes.subarray(32, 48), r };
}

/** IV, AES-256-CTR, Poly1305-AES. */
function seal({ encrypt, k, r }: Key, plain: Buffer): Buffer {
  const iv = randomBytes(16);
  const encrypted = createCipheriv("aes-256-ctr", encrypt, iv).update(plain);
  const nonce = createCipheriv("aes-128-ecb", k, null).setAutoPadding(false).update(iv);
  const mac = createMac("poly1305", Buffer.concat([r, nonce]))
    .update(encrypted)
    .final();
  return Buffer.concat([iv, encrypted, mac]);
}
