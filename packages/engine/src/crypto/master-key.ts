/** The master key of a repository: how it is made, and the JSON in which key files seal it. */
import { randomBytes } from "node:crypto";

import { JsonFields, parseJson } from "../format/json-fields.ts";
import type { MasterKey } from "./sealing.ts";

/** A new random key. The bits of r that Poly1305 ignores are cleared, as its definition has it. */
export function newMasterKey(): MasterKey {
  const macR = randomBytes(16);
  for (const index of [3, 7, 11, 15]) macR[index] = (macR[index] as number) & 0x0f;
  for (const index of [4, 8, 12]) macR[index] = (macR[index] as number) & 0xfc;
  return { encrypt: randomBytes(32), macK: randomBytes(16), macR };
}

/** The JSON to seal in a key file. */
export function encodeMasterKey(key: MasterKey): Uint8Array {
  const [k, r, encrypt] = [key.macK, key.macR, key.encrypt].map((bytes) => Buffer.from(bytes).toString("base64"));
  return Buffer.from(`{"mac":{"k":"${k}","r":"${r}"},"encrypt":"${encrypt}"}`);
}

/** The key in the JSON from a key file. @throws ENGINE_MALFORMED */
export function decodeMasterKey(json: Uint8Array, what = "the master key"): MasterKey {
  const fields = new JsonFields(parseJson(json, what), what);
  const mac = fields.object("mac");
  const key = {
    encrypt: fields.base64("encrypt", { minBytes: 32, maxBytes: 32 }),
    macK: mac.base64("k", { minBytes: 16, maxBytes: 16 }),
    macR: mac.base64("r", { minBytes: 16, maxBytes: 16 }),
  };
  if (Object.values(key).some((part) => part.every((byte) => byte === 0))) {
    throw fields.malformed("a part of it is all zeros");
  }
  return key;
}
