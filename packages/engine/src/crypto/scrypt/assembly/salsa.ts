/**
 * BlockMix of scrypt (RFC 7914, section 4) on two lanes at once. A round of Salsa20/8 is one long chain of dependent
 * additions and rotations; two independent chains side by side fill the processor, and take little longer than one.
 *
 * The sixteen words of a block lie so that each vector holds one diagonal of the four by four matrix: vector k holds the
 * words (5 i) mod 16 for i = 4 k to 4 k + 3. A quarter round then works on whole vectors, and turning them by one, two and
 * three words changes columns into rows.
 */

// @ts-ignore: decorator
@inline
function turn(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/**
 * Reads 2 r blocks of 64 bytes at `a` and at `b`, each combined with those at `with_a` and `with_b`, and writes the mixed
 * blocks to `to_a` and `to_b`: even ones first, then odd ones.
 */
export function mixTwo(r: usize, a: usize, with_a: usize, to_a: usize, b: usize, with_b: usize, to_b: usize): void {
  const last = (2 * r - 1) << 6;
  let a0 = v128.xor(v128.load(a + last), v128.load(with_a + last));
  let a1 = v128.xor(v128.load(a + last, 16), v128.load(with_a + last, 16));
  let a2 = v128.xor(v128.load(a + last, 32), v128.load(with_a + last, 32));
  let a3 = v128.xor(v128.load(a + last, 48), v128.load(with_a + last, 48));
  let b0 = v128.xor(v128.load(b + last), v128.load(with_b + last));
  let b1 = v128.xor(v128.load(b + last, 16), v128.load(with_b + last, 16));
  let b2 = v128.xor(v128.load(b + last, 32), v128.load(with_b + last, 32));
  let b3 = v128.xor(v128.load(b + last, 48), v128.load(with_b + last, 48));
  for (let block: usize = 0; block < 2 * r; block++) {
    const at = block << 6;
    a0 = v128.xor(a0, v128.xor(v128.load(a + at), v128.load(with_a + at)));
    a1 = v128.xor(a1, v128.xor(v128.load(a + at, 16), v128.load(with_a + at, 16)));
    a2 = v128.xor(a2, v128.xor(v128.load(a + at, 32), v128.load(with_a + at, 32)));
    a3 = v128.xor(a3, v128.xor(v128.load(a + at, 48), v128.load(with_a + at, 48)));
    b0 = v128.xor(b0, v128.xor(v128.load(b + at), v128.load(with_b + at)));
    b1 = v128.xor(b1, v128.xor(v128.load(b + at, 16), v128.load(with_b + at, 16)));
    b2 = v128.xor(b2, v128.xor(v128.load(b + at, 32), v128.load(with_b + at, 32)));
    b3 = v128.xor(b3, v128.xor(v128.load(b + at, 48), v128.load(with_b + at, 48)));
    const a0_in = a0, a1_in = a1, a2_in = a2, a3_in = a3;
    const b0_in = b0, b1_in = b1, b2_in = b2, b3_in = b3;
    for (let round = 0; round < 8; round += 2) {
      a1 = v128.xor(a1, turn(i32x4.add(a0, a3), 7));
      b1 = v128.xor(b1, turn(i32x4.add(b0, b3), 7));
      a2 = v128.xor(a2, turn(i32x4.add(a1, a0), 9));
      b2 = v128.xor(b2, turn(i32x4.add(b1, b0), 9));
      a3 = v128.xor(a3, turn(i32x4.add(a2, a1), 13));
      b3 = v128.xor(b3, turn(i32x4.add(b2, b1), 13));
      a0 = v128.xor(a0, turn(i32x4.add(a3, a2), 18));
      b0 = v128.xor(b0, turn(i32x4.add(b3, b2), 18));
      a1 = v128.shuffle<i32>(a1, a1, 3, 0, 1, 2);
      b1 = v128.shuffle<i32>(b1, b1, 3, 0, 1, 2);
      a2 = v128.shuffle<i32>(a2, a2, 2, 3, 0, 1);
      b2 = v128.shuffle<i32>(b2, b2, 2, 3, 0, 1);
      a3 = v128.shuffle<i32>(a3, a3, 1, 2, 3, 0);
      b3 = v128.shuffle<i32>(b3, b3, 1, 2, 3, 0);
      a3 = v128.xor(a3, turn(i32x4.add(a0, a1), 7));
      b3 = v128.xor(b3, turn(i32x4.add(b0, b1), 7));
      a2 = v128.xor(a2, turn(i32x4.add(a3, a0), 9));
      b2 = v128.xor(b2, turn(i32x4.add(b3, b0), 9));
      a1 = v128.xor(a1, turn(i32x4.add(a2, a3), 13));
      b1 = v128.xor(b1, turn(i32x4.add(b2, b3), 13));
      a0 = v128.xor(a0, turn(i32x4.add(a1, a2), 18));
      b0 = v128.xor(b0, turn(i32x4.add(b1, b2), 18));
      a1 = v128.shuffle<i32>(a1, a1, 1, 2, 3, 0);
      b1 = v128.shuffle<i32>(b1, b1, 1, 2, 3, 0);
      a2 = v128.shuffle<i32>(a2, a2, 2, 3, 0, 1);
      b2 = v128.shuffle<i32>(b2, b2, 2, 3, 0, 1);
      a3 = v128.shuffle<i32>(a3, a3, 3, 0, 1, 2);
      b3 = v128.shuffle<i32>(b3, b3, 3, 0, 1, 2);
    }
    a0 = i32x4.add(a0, a0_in);
    a1 = i32x4.add(a1, a1_in);
    a2 = i32x4.add(a2, a2_in);
    a3 = i32x4.add(a3, a3_in);
    b0 = i32x4.add(b0, b0_in);
    b1 = i32x4.add(b1, b1_in);
    b2 = i32x4.add(b2, b2_in);
    b3 = i32x4.add(b3, b3_in);
    const out = ((block & 1) * r + (block >> 1)) << 6;
    v128.store(to_a + out, a0);
    v128.store(to_a + out, a1, 16);
    v128.store(to_a + out, a2, 32);
    v128.store(to_a + out, a3, 48);
    v128.store(to_b + out, b0);
    v128.store(to_b + out, b1, 16);
    v128.store(to_b + out, b2, 32);
    v128.store(to_b + out, b3, 48);
  }
}
