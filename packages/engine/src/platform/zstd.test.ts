import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openNativeZstd } from "./zstd-native.ts";
import { openZlibZstd } from "./zstd-zlib.ts";
import {
  Compressor,
  decompressBounded,
  Decompressor,
  isLikelyIncompressible,
  zstdProvider,
  type CompressionMode,
} from "./zstd.ts";

const codecs = { native: openNativeZstd(), zlib: openZlibZstd() };
const refused = (): unknown => expect.objectContaining({ code: "ENGINE_DECOMPRESS" });
const text = (bytes: number): Uint8Array => Buffer.alloc(bytes, "All that is stored can be restored. ");

const MODES: CompressionMode[] = ["fastest", "auto", "better", "max"];
const plainBytes = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(200_000))
    .map(([unit, size]) => Buffer.alloc(size, unit)),
);

test("this Node's own zstd is used directly", () => {
  expect(zstdProvider()).toBe("native");
});

describe.each(["native", "zlib"] as const)("zstd by %s", (provider) => {
  const codec = codecs[provider];

  test.each(MODES)("mode %s round-trips, also through Node's decoder", (mode) => {
    const compressor = new Compressor(mode, codec);
    const decompressor = new Decompressor(codec);
    fc.assert(
      fc.property(plainBytes, (plain) => {
        const compressed = Buffer.from(compressor.compress(plain));
        expect(Buffer.compare(decompressor.decompress(compressed, plain.length), plain)).toBe(0);
        expect(Buffer.compare(decompressBounded(compressed, plain.length, { codec }), plain)).toBe(0);
        expect(Buffer.compare(zstdDecompressSync(compressed), plain)).toBe(0);
      }),
      { numRuns: mode === "max" ? 10 : 40 },
    );
  });

  test("a frame tells its content size and has neither checksum nor dictionary", () => {
    for (const mode of MODES) {
      const descriptor = new Compressor(mode, codec).compress(text(300_000))[4] as number;
      expect({ mode, sizeFlag: descriptor >>> 6, checksum: descriptor & 4, dictionary: descriptor & 3 }).toEqual({
        mode,
        sizeFlag: 2,
        checksum: 0,
        dictionary: 0,
      });
    }
  });

  test("shared memory can be compressed, and decompressed", () => {
    const plain = new Uint8Array(new SharedArrayBuffer(5000), 100, 4000);
    plain.set(text(4000));
    const compressed = new Uint8Array(new SharedArrayBuffer(4000));
    const size = codec.compress(3, plain, compressed);
    expect(Buffer.compare(new Decompressor(codec).decompress(compressed.subarray(0, size), 4000), plain)).toBe(0);
  });

  test("several frames, and frames to be skipped, are one content", () => {
    const skipped = Uint8Array.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
    const joined = Buffer.concat([zstdCompressSync("back"), skipped, zstdCompressSync("up"), skipped]);
    expect(Buffer.from(new Decompressor(codec).decompress(joined, 6)).toString()).toBe("backup");
    expect(Buffer.from(decompressBounded(joined, 6, { codec })).toString()).toBe("backup");
  });

  test("a frame without content size is decompressed within bounds", () => {
    const plain = text(300_000);
    const compressed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
    expect(Buffer.compare(new Decompressor(codec).decompress(compressed, 300_000), plain)).toBe(0);
    expect(Buffer.compare(decompressBounded(compressed, 300_000, { codec }), plain)).toBe(0);
    expect(decompressBounded(compressed, 1_000_000, { codec })).toHaveLength(300_000);
    expect(() => decompressBounded(compressed, 299_999, { codec })).toThrow(refused());
    expect(() => new Decompressor(codec).decompress(compressed, 299_999)).toThrow(refused());
    expect(() => new Decompressor(codec).decompress(compressed, 300_001)).toThrow(refused());
  });

  test("damaged data is an error with a code, or differs", () => {
    const plain = text(20_000);
    const good = zstdCompressSync(Buffer.concat([plain, randomBytes(500)]));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] as number) ^ change;
        for (const run of [
          () => new Decompressor(codec).decompress(bad, 20_500).length === 20_500,
          () => decompressBounded(bad, 40_000, { codec }).length <= 40_000,
        ]) {
          try {
            expect(run()).toBe(true);
          } catch (error) {
            expect(error).toEqual(refused());
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("every shortened form is refused", () => {
    const good = zstdCompressSync(text(3000), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    for (let length = 1; length < good.length; length++) {
      expect(() => new Decompressor(codec).decompress(good.subarray(0, length), 3000), `${length}`).toThrow(refused());
    }
  });
});

describe("sizes that do not match", () => {
  const compressed = new Compressor("auto").compress(text(5000)).slice();

  test.each([0, 4999, 5001, 2 ** 32])("expecting %d bytes of a content of 5000 is refused", (expected) => {
    expect(() => new Decompressor().decompress(compressed, expected)).toThrow(refused());
  });

  test("nothing at all is a content of no bytes, as restic stores it", () => {
    expect(new Decompressor().decompress(new Uint8Array(0), 0)).toHaveLength(0);
    expect(() => new Decompressor().decompress(new Uint8Array(0), 1)).toThrow(refused());
  });

  test("a slice of a result is a copy that the next call leaves alone, though the result is a view", () => {
    const compressor = new Compressor("auto");
    const decompressor = new Decompressor();
    const packed = compressor.compress(text(5000)).slice();
    const plain = decompressor.decompress(packed, 5000);
    const copy = plain.slice();
    decompressor.decompress(compressor.compress(randomBytes(5000)), 5000);
    expect(Buffer.compare(packed, compressed)).toBe(0);
    expect(Buffer.compare(copy, text(5000))).toBe(0);
    expect(Buffer.compare(plain, text(5000))).not.toBe(0);
  });
});

describe("bombs", () => {
  const declaring = (bytes: bigint): Uint8Array => {
    const header = new DataView(new ArrayBuffer(4 + 1 + 8 + 3 + 1));
    header.setUint32(0, 0xfd2fb528, true);
    header.setUint8(4, 0b1110_0000);
    header.setBigUint64(5, bytes, true);
    header.setUint8(13, 0b011 | ((100 & 0x1f) << 3));
    header.setUint8(14, 100 >>> 5);
    return new Uint8Array(header.buffer);
  };

  test.each([101n, 1n << 40n, (1n << 64n) - 1n])(
    "a frame of one short run that declares %d bytes is refused",
    (bytes) => {
      const bomb = declaring(bytes);
      expect(() => new Decompressor().decompress(bomb, Number(bytes))).toThrow(refused());
      expect(() => decompressBounded(bomb, Number.MAX_SAFE_INTEGER)).toThrow(refused());
    },
  );

  test("the honest form of the same frame is accepted", () => {
    expect(new Decompressor().decompress(declaring(100n), 100)).toEqual(new Uint8Array(100));
  });

  test("a small input with a large honest content is held to the limit", () => {
    const bomb = new Compressor("auto").compress(new Uint8Array(100_000_000)).slice();
    expect(bomb.length).toBeLessThan(20_000);
    expect(() => decompressBounded(bomb, 1_000_000)).toThrow(refused());
    expect(() => new Decompressor().decompress(bomb, 1_000_000)).toThrow(refused());
  });
});

describe("isLikelyIncompressible", () => {
  test("random bytes are", () => {
    for (const size of [65_536, 1_000_003, 8_000_000]) expect(isLikelyIncompressible(randomBytes(size))).toBe(true);
  });

  test("compressed data is", () => {
    const words = Array.from({ length: 400_000 }, () => randomBytes(2).toString("hex")).join(" ");
    expect(isLikelyIncompressible(zstdCompressSync(words))).toBe(true);
  });

  test("text, zeros and short data are not", () => {
    expect(isLikelyIncompressible(text(500_000))).toBe(false);
    expect(isLikelyIncompressible(new Uint8Array(500_000))).toBe(false);
    expect(isLikelyIncompressible(randomBytes(65_535))).toBe(false);
  });

  test("random bytes with text in one part of sixteen are not", () => {
    fc.assert(
      fc.property(fc.nat(15), (part) => {
        const bytes = randomBytes(1 << 20);
        bytes.set(text(1 << 16), part << 16);
        expect(isLikelyIncompressible(bytes)).toBe(false);
      }),
    );
  });
});

test("a worker thread compresses with contexts of its own and frees them as it ends", async () => {
  const module = new URL("./zstd.ts", import.meta.url).href;
  const code = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(module)}).then(({ Compressor, Decompressor, zstdProvider }) => {
      const plain = Buffer.alloc(100_000, "abc");
      const compressed = new Compressor("better").compress(plain).slice();
      const same = Buffer.compare(new Decompressor().decompress(compressed, plain.length), plain) === 0;
      parentPort.postMessage({ same, provider: zstdProvider() });
    });`;
  const worker = new Worker(code, { eval: true });
  const answers: unknown[] = [];
  worker.on("message", (answer) => answers.push(answer));
  const exitCode = await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
  expect({ exitCode, answers }).toEqual({ exitCode: 0, answers: [{ same: true, provider: "native" }] });
});
