/** Named 64-bit counters in shared memory: workers add, anybody reads, no messages. */

export class Counters<const Names extends readonly string[]> {
  readonly #names: Names;
  readonly #values: BigInt64Array;
  readonly #index = new Map<string, number>();

  private constructor(names: Names, shared: SharedArrayBuffer) {
    this.#names = names;
    this.#values = new BigInt64Array(shared);
    names.forEach((name, index) => this.#index.set(name, index));
  }

  static create<const N extends readonly string[]>(names: N): Counters<N> {
    return new Counters(names, new SharedArrayBuffer(names.length * 8));
  }

  static attach<const N extends readonly string[]>(names: N, shared: SharedArrayBuffer): Counters<N> {
    return new Counters(names, shared);
  }

  get shared(): SharedArrayBuffer {
    return this.#values.buffer as SharedArrayBuffer;
  }

  add(name: Names[number], amount: number): void {
    Atomics.add(this.#values, this.#index.get(name) as number, BigInt(amount));
  }

  read(): Record<Names[number], number> {
    const result: Partial<Record<string, number>> = {};
    this.#names.forEach((name, index) => {
      result[name] = Number(Atomics.load(this.#values, index));
    });
    return result as Record<Names[number], number>;
  }
}
