/** Opens what restic wrote, down to the trees, and writes it again. */
import { readFileSync } from "node:fs";

import { Secret } from "@holdfast/base";
import { afterEach, describe, expect, test, vi } from "vitest";

import { deriveKey } from "../crypto/kdf.ts";
import { decodeMasterKey, encodeMasterKey } from "../crypto/master-key.ts";
import { Sealer } from "../crypto/sealing.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import { Decompressor } from "../platform/zstd.ts";
import { decodeConfig, encodeConfig } from "./config.ts";
import { idOf } from "./id.ts";
import { decodeKeyFile, encodeKeyFile, type KeyFile } from "./key-file.ts";
import { decodePackHeader, encodePackHeader, packHeaderBytes, sealedHeaderBytes } from "./pack-header.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { decodeUnpacked } from "./unpacked.ts";

interface StoredFile {
  readonly id: string;
  readonly base64: string;
}
interface Vectors {
  readonly password: string;
  readonly repositories: Record<
    string,
    { zone: string; key: StoredFile; config: string; snapshot: StoredFile; treePack: StoredFile }
  >;
}

const { password, repositories } = JSON.parse(
  readFileSync(new URL("./testdata/restic-repositories.json", import.meta.url), "utf8"),
) as Vectors;
const ownZone = process.env["TZ"];
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, "base64");

afterEach(() => {
  if (ownZone === undefined) delete process.env["TZ"];
  else process.env["TZ"] = ownZone;
});

/**
 * Restic 0.14 kept no bytes of a link target that is not UTF-8, only the escape that Go writes for them. It is read
 * as U+FFFD, and that character is written as it is, by restic too.
 */
function asRead(tree: string): string {
  return tree.includes("linktarget_raw")
    ? tree
    : tree.replace(String.raw`"linktarget":"tar\ufffdget`, '"linktarget":"tar\ufffdget');
}

async function openMasterKey(file: KeyFile): Promise<Uint8Array> {
  return new Sealer(await deriveKey(new Secret(password), file, "threads")).open(file.data);
}

function treesOf(pack: Uint8Array, sealer: Sealer): { id: string; plain: Uint8Array }[] {
  const headerEnd = pack.length - 4;
  const header = sealer.open(pack.subarray(headerEnd - sealedHeaderBytes(pack, pack.length), headerEnd));
  const entries = decodePackHeader(header);
  expect(Buffer.from(encodePackHeader(entries))).toEqual(Buffer.from(header));
  const compressed = entries.filter((entry) => entry.plainBytes > 0).length;
  const last = entries.at(-1);
  expect(last === undefined ? 0 : last.offset + last.lengthBytes).toBe(
    pack.length - packHeaderBytes(entries.length - compressed, compressed),
  );
  const decompressor = new Decompressor();
  return entries.map(({ id, offset, lengthBytes, plainBytes }) => {
    const opened = sealer.open(pack.subarray(offset, offset + lengthBytes));
    return { id, plain: plainBytes === 0 ? opened : Uint8Array.from(decompressor.decompress(opened, plainBytes)) };
  });
}

describe.for(Object.entries(repositories))("the repository %s", ([, stored]) => {
  const masterKey = openMasterKey(decodeKeyFile(bytesOf(stored.key.base64)));

  test("opens with its password, and every document is written again as it was", async () => {
    const keyBytes = bytesOf(stored.key.base64);
    expect(idOf(keyBytes)).toBe(stored.key.id);
    const keyFile = decodeKeyFile(keyBytes);
    expect(Buffer.from(encodeKeyFile(keyFile))).toEqual(keyBytes);
    const masterJson = await masterKey;
    const sealer = new Sealer(decodeMasterKey(masterJson));
    expect(Buffer.from(encodeMasterKey(decodeMasterKey(masterJson)))).toEqual(Buffer.from(masterJson));

    const config = sealer.open(bytesOf(stored.config));
    expect(Buffer.from(encodeConfig(decodeConfig(config)))).toEqual(Buffer.from(config));

    const snapshotBytes = bytesOf(stored.snapshot.base64);
    expect(idOf(snapshotBytes)).toBe(stored.snapshot.id);
    const snapshotJson = decodeUnpacked(sealer.open(snapshotBytes), 10_000);
    const snapshot = decodeSnapshot(snapshotJson);
    expect(textOf(encodeSnapshot(snapshot))).toBe(textOf(snapshotJson));
    expect(snapshot.paths).toEqual(["/srv/golden"]);
  });

  test("trees come out byte for byte, in the zone in which they were made", async () => {
    process.env["TZ"] = stored.zone;
    vi.resetModules();
    const { encodeNode } = await import("./node.ts");
    const { decodeTree, TreeEncoder } = await import("./tree.ts");
    const sealer = new Sealer(decodeMasterKey(await masterKey));
    const pack = bytesOf(stored.treePack.base64);
    expect(idOf(pack)).toBe(stored.treePack.id);
    const names: string[] = [];
    for (const { id, plain } of treesOf(pack, sealer)) {
      expect(idOf(plain)).toBe(id);
      const encoder = new TreeEncoder();
      for (const node of decodeTree(plain)) {
        names.push(displayPath(node.name));
        encoder.append(encodeNode(node));
      }
      expect(textOf(encoder.finish())).toBe(asRead(textOf(plain)));
    }
    expect(names).toEqual(
      expect.arrayContaining(["srv", "golden", "bad\\xff\\xfename", "new\\nline", "😀", "fifo", "suid"]),
    );
  });

  test("a wrong password does not open it", async () => {
    const file = decodeKeyFile(bytesOf(stored.key.base64));
    const wrong = await deriveKey(new Secret(`${password} `), file, "threads");
    expect(() => new Sealer(wrong).open(file.data)).toThrow(expect.objectContaining({ code: "ENGINE_UNAUTHENTIC" }));
  });
});
