/** Has programs do one work in turn, so that a slow minute hits all of them, and keeps what was measured. */
import { type Measurement, median } from "./measure.ts";
import type { Program } from "./programs.ts";
import type { Row } from "./report.ts";

export class Turns {
  readonly #corpus: string;
  readonly #samples = new Map<string, Map<string, Measurement[]>>();

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

  /** One row for each work, in the order in which they were first noted. */
  rows(): Row[] {
    return [...this.#samples].map(([work, ofWork]) => ({
      corpus: this.#corpus,
      work,
      cells: new Map([...ofWork].map(([program, all]) => [program, cellOf(all)])),
      ratio: (own, other) => `${(secondsOf(ofWork.get(other)) / secondsOf(ofWork.get(own))).toFixed(2)}×`,
    }));
  }
}

function cellOf(samples: readonly Measurement[]): string {
  const peakMiB = Math.max(...samples.map((sample) => sample.peakMiB));
  return `${secondsOf(samples).toFixed(2)} s, ${Math.round(peakMiB)} MiB`;
}

function secondsOf(samples: readonly Measurement[] = []): number {
  return median(samples.map(({ seconds }) => seconds));
}
