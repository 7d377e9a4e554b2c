/** Transposes 16 x 16 bytes: from sixteen lanes of the input to sixteen rows, one byte of every lane each. */

/**
 * Reads 16 bytes at `from`, `from + stride`, ... and stores 16 rows at `to`: row r has byte r of lane 0 to 15.
 *
 * Four rounds of interleaving vector i with vector i + 8: each round rotates the eight bits of a byte's address
 * (lane, then byte within it) by one, so after four the two halves have changed places.
 */
export function transpose(from: usize, stride: usize, to: usize): void {
  const a0 = v128.load(from);
  const a1 = v128.load(from + stride);
  const a2 = v128.load(from + 2 * stride);
  const a3 = v128.load(from + 3 * stride);
  const a4 = v128.load(from + 4 * stride);
  const a5 = v128.load(from + 5 * stride);
  const a6 = v128.load(from + 6 * stride);
  const a7 = v128.load(from + 7 * stride);
  const a8 = v128.load(from + 8 * stride);
  const a9 = v128.load(from + 9 * stride);
  const aa = v128.load(from + 10 * stride);
  const ab = v128.load(from + 11 * stride);
  const ac = v128.load(from + 12 * stride);
  const ad = v128.load(from + 13 * stride);
  const ae = v128.load(from + 14 * stride);
  const af = v128.load(from + 15 * stride);

  const b0 = lowHalves(a0, a8), b1 = highHalves(a0, a8);
  const b2 = lowHalves(a1, a9), b3 = highHalves(a1, a9);
  const b4 = lowHalves(a2, aa), b5 = highHalves(a2, aa);
  const b6 = lowHalves(a3, ab), b7 = highHalves(a3, ab);
  const b8 = lowHalves(a4, ac), b9 = highHalves(a4, ac);
  const ba = lowHalves(a5, ad), bb = highHalves(a5, ad);
  const bc = lowHalves(a6, ae), bd = highHalves(a6, ae);
  const be = lowHalves(a7, af), bf = highHalves(a7, af);

  const c0 = lowHalves(b0, b8), c1 = highHalves(b0, b8);
  const c2 = lowHalves(b1, b9), c3 = highHalves(b1, b9);
  const c4 = lowHalves(b2, ba), c5 = highHalves(b2, ba);
  const c6 = lowHalves(b3, bb), c7 = highHalves(b3, bb);
  const c8 = lowHalves(b4, bc), c9 = highHalves(b4, bc);
  const ca = lowHalves(b5, bd), cb = highHalves(b5, bd);
  const cc = lowHalves(b6, be), cd = highHalves(b6, be);
  const ce = lowHalves(b7, bf), cf = highHalves(b7, bf);

  const d0 = lowHalves(c0, c8), d1 = highHalves(c0, c8);
  const d2 = lowHalves(c1, c9), d3 = highHalves(c1, c9);
  const d4 = lowHalves(c2, ca), d5 = highHalves(c2, ca);
  const d6 = lowHalves(c3, cb), d7 = highHalves(c3, cb);
  const d8 = lowHalves(c4, cc), d9 = highHalves(c4, cc);
  const da = lowHalves(c5, cd), db = highHalves(c5, cd);
  const dc = lowHalves(c6, ce), dd = highHalves(c6, ce);
  const de = lowHalves(c7, cf), df = highHalves(c7, cf);

  const e0 = lowHalves(d0, d8), e1 = highHalves(d0, d8);
  const e2 = lowHalves(d1, d9), e3 = highHalves(d1, d9);
  const e4 = lowHalves(d2, da), e5 = highHalves(d2, da);
  const e6 = lowHalves(d3, db), e7 = highHalves(d3, db);
  const e8 = lowHalves(d4, dc), e9 = highHalves(d4, dc);
  const ea = lowHalves(d5, dd), eb = highHalves(d5, dd);
  const ec = lowHalves(d6, de), ed = highHalves(d6, de);
  const ee = lowHalves(d7, df), ef = highHalves(d7, df);

  v128.store(to, e0);
  v128.store(to, e1, 16);
  v128.store(to, e2, 32);
  v128.store(to, e3, 48);
  v128.store(to, e4, 64);
  v128.store(to, e5, 80);
  v128.store(to, e6, 96);
  v128.store(to, e7, 112);
  v128.store(to, e8, 128);
  v128.store(to, e9, 144);
  v128.store(to, ea, 160);
  v128.store(to, eb, 176);
  v128.store(to, ec, 192);
  v128.store(to, ed, 208);
  v128.store(to, ee, 224);
  v128.store(to, ef, 240);
}

/** The lower eight bytes of both, interleaved. */
// @ts-ignore: decorator
@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** The upper eight bytes of both, interleaved. */
// @ts-ignore: decorator
@inline
function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
