/** Seeded rounds of calls over a bad network: which call meets which fault, where in the stream. */
import type { ConnectionFault } from "./fault-proxy.ts";

export const CALLS = ["save", "load", "range", "list", "stat", "remove"] as const;
export type NetworkCall = (typeof CALLS)[number];

/** One call, and what befalls the first connections that it makes. */
export interface NetworkRound {
  readonly call: NetworkCall;
  readonly sizeBytes: number;
  readonly fault: ConnectionFault;
  /** How many connections in a row meet it. */
  readonly connections: number;
}

const KINDS = ["refuse", "cut", "truncate", "stall", "delay"] as const;
const DIRECTIONS = ["up", "down"] as const;
const SIZES = [155, 5000, 200_000] as const;

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Each kind of fault in each direction for each call, in an order and at places that the seed decides; endless. */
export function* networkRounds(seed: number): Generator<NetworkRound> {
  const random = seededRandom(seed);
  for (;;) {
    const pairs = CALLS.flatMap((call) =>
      KINDS.flatMap((kind) => DIRECTIONS.map((direction) => ({ call, kind, direction, order: random() }))),
    ).toSorted((a, b) => a.order - b.order);
    for (const { call, kind, direction } of pairs) {
      const sizeBytes = SIZES[Math.floor(random() * SIZES.length)] ?? 155;
      // Heads and handshakes are short, and as interesting as bodies: so lengths are spread by their magnitude.
      const afterBytes = Math.floor((sizeBytes + 6000) ** random()) - 1;
      yield { call, sizeBytes, fault: faultOf(kind, direction, afterBytes), connections: random() < 0.3 ? 2 : 1 };
    }
  }
}

function faultOf(
  kind: (typeof KINDS)[number],
  direction: (typeof DIRECTIONS)[number],
  afterBytes: number,
): ConnectionFault {
  if (kind === "refuse") return { kind };
  if (kind === "delay") return { kind, direction, ms: 3 };
  return { kind, direction, afterBytes };
}
