/** CRC-64 as RDB files have it at their end: polynomial of Jones, reflected, without inversion. */

const POLYNOMIAL_HIGH = 0x95ac9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;

const HIGH = new Uint32Array(256);
const LOW = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let high = 0;
  let low = n;
  for (let bit = 0; bit < 8; bit++) {
    const isSet = (low & 1) === 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (!isSet) continue;
    high = (high ^ POLYNOMIAL_HIGH) >>> 0;
    low = (low ^ POLYNOMIAL_LOW) >>> 0;
  }
  HIGH[n] = high;
  LOW[n] = low;
}

/** A checksum that grows with what it is given. */
export class Crc64 {
  #high = 0;
  #low = 0;

  update(bytes: Uint8Array): this {
    // In two halves of 32 bits, as big integers are some twenty times slower.
    let [high, low] = [this.#high, this.#low];
    for (let at = 0; at < bytes.length; at++) {
      const index = (low ^ (bytes[at] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (LOW[index] as number);
      high = (high >>> 8) ^ (HIGH[index] as number);
    }
    [this.#high, this.#low] = [high >>> 0, low >>> 0];
    return this;
  }

  copy(): Crc64 {
    const other = new Crc64();
    [other.#high, other.#low] = [this.#high, this.#low];
    return other;
  }

  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }
}
