/** Has programs do one work in turn, so that a slow minute hits all of them, and keeps what was measured. */
import { type Measurement, median } from "./measure.ts";
import type { Program } from "./programs.ts";
import type { Row } from "./report.ts";

export class Turns {
  readonly #corpus: string;
  readonly #samples = new Map<string, Map<string, Measurement[]>>();
  /** By work and program: what its cell says in place of a time, and the seconds that it took at least. */
  readonly #failures = new Map<string, Map<string, { readonly cell: string; readonly leastSeconds?: number }>>();

  /** @param corpus what is worked on, as the report calls it */
  constructor(corpus: string) {
    this.#corpus = corpus;
  }

  note(program: Program, work: string, sample: Measurement): void {
    const ofWork = this.#samples.get(work) ?? new Map<string, Measurement[]>();
    this.#samples.set(work, ofWork);
    ofWork.set(program.name, [...(ofWork.get(program.name) ?? []), sample]);
    process.stderr.write(
      `${this.#corpus}, ${work}: ${program.name} ${sample.seconds.toFixed(2)} s (${sample.cpuSeconds.toFixed(2)} s of processor), ${Math.round(sample.peakMiB)} MiB\n`,
    );
  }

  /** A program did not do a work, in one of its turns. The row says so, with the times of the turns that went well. */
  fail(program: Program, work: string, reason: string): void {
    this.#noteFailure(program, work, { cell: "failed" });
    process.stderr.write(`${this.#corpus}, ${work}: ${program.name} FAILED: ${reason}\n`);
  }

  /** A program was ended in one of its turns, because it took too long. */
  overrun(program: Program, work: string, leastSeconds: number): void {
    this.#noteFailure(program, work, { cell: `over ${leastSeconds} s`, leastSeconds });
    process.stderr.write(`${this.#corpus}, ${work}: ${program.name} was ended after ${leastSeconds} s\n`);
  }

  #noteFailure(program: Program, work: string, failure: { cell: string; leastSeconds?: number }): void {
    if (!this.#samples.has(work)) this.#samples.set(work, new Map());
    const ofWork = this.#failures.get(work) ?? new Map<string, typeof failure>();
    this.#failures.set(work, ofWork.set(program.name, failure));
  }

  /** One row for each work, in the order in which they were first noted. */
  rows(): Row[] {
    return [...this.#samples].map(([work, ofWork]) => ({
      corpus: this.#corpus,
      work,
      cells: this.#cells(work, ofWork),
      ratio: (own, other) => {
        const least = this.#failures.get(work)?.get(other)?.leastSeconds;
        const ratio = (least ?? secondsOf(ofWork.get(other))) / secondsOf(ofWork.get(own));
        if (!Number.isFinite(ratio) || this.#failures.get(work)?.has(own) === true) return "–";
        return `${least === undefined ? "" : "over "}${ratio.toFixed(2)}×`;
      },
    }));
  }

  #cells(work: string, ofWork: ReadonlyMap<string, readonly Measurement[]>): Map<string, string> {
    const cells = new Map([...ofWork].map(([program, all]) => [program, cellOf(all)]));
    for (const [program, { cell }] of this.#failures.get(work) ?? []) {
      const done = cells.get(program);
      cells.set(program, done === undefined ? cell : `${done}, at times ${cell}`);
    }
    return cells;
  }
}

function cellOf(samples: readonly Measurement[]): string {
  const peakMiB = Math.max(...samples.map((sample) => sample.peakMiB));
  return `${secondsOf(samples).toFixed(2)} s, ${Math.round(peakMiB)} MiB`;
}

function secondsOf(samples: readonly Measurement[] = []): number {
  return samples.length === 0 ? Number.NaN : median(samples.map(({ seconds }) => seconds));
}
