/** Counters and gauges in the text form of Prometheus. */

type Labels = Readonly<Record<string, string>>;

/** What is measured at the moment when it is asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly values: () => readonly { readonly labels: Labels; readonly value: number }[];
}

const COUNTERS = {
  holdfast_requests_total: "Requests that were answered.",
  holdfast_received_bytes_total: "Bytes of files that clients sent.",
  holdfast_sent_bytes_total: "Bytes of files and lists that went to clients.",
  holdfast_refused_total: "Requests that were refused, by the code of the error.",
  holdfast_plans_total: "Plans for removals that were proposed, approved (once for each approver) and cancelled.",
  holdfast_key_changes_total:
    "Keys and configs of repositories that were added, replaced or removed, or were to be and were refused.",
  holdfast_request_seconds_total: "Time that requests took, together.",
} as const;

export type CounterName = keyof typeof COUNTERS;

export class Metrics {
  readonly #counters = new Map<CounterName, Map<string, number>>();
  readonly #gauges: readonly Gauge[];

  constructor(gauges: readonly Gauge[]) {
    this.#gauges = gauges;
  }

  /** Labels must come from a bounded set: names of clients that are known, never what a request says. */
  add(name: CounterName, labels: Labels, amount = 1): void {
    const series = this.#counters.get(name) ?? new Map<string, number>();
    this.#counters.set(name, series);
    const key = labelText(labels);
    series.set(key, (series.get(key) ?? 0) + amount);
  }

  /** Everything, as Prometheus reads it. */
  text(): string {
    const lines: string[] = [];
    for (const [name, help] of Object.entries(COUNTERS)) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
      for (const [labels, value] of this.#counters.get(name as CounterName) ?? [])
        lines.push(`${name}${labels} ${value}`);
    }
    for (const { name, help, values } of this.#gauges) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
      for (const { labels, value } of values()) lines.push(`${name}${labelText(labels)} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

function labelText(labels: Labels): string {
  let text = "";
  for (const name in labels) text += `${text === "" ? "" : ","}${name}="${escape(labels[name] ?? "")}"`;
  return text === "" ? "" : `{${text}}`;
}

function escape(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
