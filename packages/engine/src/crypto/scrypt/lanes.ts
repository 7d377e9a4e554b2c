/**
 * ROMix, the slow part of scrypt, on two lanes at once, in WebAssembly. What scrypt computes of a password is `p` such lanes
 * that know nothing of each other; `node:crypto` works them off one after the other on one thread.
 */
import { LANES_WASM } from "./generated/lanes-wasm.ts";

/** What `assembly/lanes.ts` exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  laneStart(): number;
  memoryBytes(r: number, n: number): number;
  romix(r: number, n: number): void;
  wipe(r: number, n: number): void;
}

const PAGE_BYTES = 65_536;

/** Bytes of one lane. */
export function laneBytes(r: number): number {
  return 128 * r;
}

/** Works on lanes with the costs N and r. Belongs to one thread; takes 2·128·N·r bytes of memory. */
export class LanePair {
  readonly #wasm: Exports;
  readonly #N: number;
  readonly #r: number;

  /** @param costs N: a power of two above 1 */
  constructor({ N, r }: { readonly N: number; readonly r: number }) {
    const module = new WebAssembly.Module(Buffer.from(LANES_WASM, "base64"));
    this.#wasm = new WebAssembly.Instance(module).exports as unknown as Exports;
    this.#N = N;
    this.#r = r;
    const { memory } = this.#wasm;
    const missing = this.#wasm.laneStart() + this.#wasm.memoryBytes(r, N) - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  /** Replaces one or two lanes by what ROMix makes of them. */
  mix(lanes: Uint8Array): void {
    const area = new Uint8Array(this.#wasm.memory.buffer, this.#wasm.laneStart(), 2 * laneBytes(this.#r));
    area.set(lanes);
    this.#wasm.romix(this.#r, this.#N);
    lanes.set(area.subarray(0, lanes.length));
  }

  /** Overwrites what came from the password. */
  wipe(): void {
    this.#wasm.wipe(this.#r, this.#N);
  }
}
