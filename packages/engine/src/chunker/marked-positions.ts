/** Reads the bitmaps in which the WebAssembly module marks positions. */

/** The marks of a block: bit i of `words` stands for position `first` + i. */
export interface MarkedBlock {
  readonly first: number;
  readonly words: Int32Array;
  /** How many bits are set. */
  readonly count: number;
}

/** The marked positions of all blocks, in the order of the blocks. Positions must be below 2^32. */
export function positionsOf(blocks: readonly MarkedBlock[]): Uint32Array<ArrayBuffer> {
  const positions = new Uint32Array(blocks.reduce((sum, block) => sum + block.count, 0));
  let length = 0;
  for (const { first, words } of blocks) {
    for (let index = 0, base = first; index < words.length; index++, base += 32) {
      let word = words[index] as number;
      if (word === -1) {
        // In zeros every position is marked, and one by one is four times slower.
        for (let bit = 0; bit < 32; bit++) positions[length++] = base + bit;
        continue;
      }
      for (; word !== 0; word &= word - 1) positions[length++] = base + lowestBit(word);
    }
  }
  return positions;
}

/**
 * The same as runs of consecutive positions: first, last, first, last, … In zeros a block is one run, so that a file full of
 * holes costs no more than any other.
 */
export function runsOf(blocks: readonly MarkedBlock[]): number[] {
  const runs: number[] = [];
  const extend = (first: number, last: number): void => {
    if (runs.length > 0 && runs.at(-1) === first - 1) runs[runs.length - 1] = last;
    else runs.push(first, last);
  };
  for (const { first, words } of blocks) {
    for (let index = 0, base = first; index < words.length; index++, base += 32) {
      let word = words[index] as number;
      if (word === -1) {
        extend(base, base + 31);
        continue;
      }
      for (; word !== 0; word &= word - 1) extend(base + lowestBit(word), base + lowestBit(word));
    }
  }
  return runs;
}

/** The first marked position of a block that has one. */
export function firstPositionOf({ first, words }: MarkedBlock): number {
  const index = words.findIndex((word) => word !== 0);
  return first + index * 32 + lowestBit(words[index] as number);
}

/** Index of the lowest bit that is set in a word which is not zero. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
