/**
 * Shows how far a run is: a block that is drawn anew on a terminal, a plain line every ten seconds without one, a status
 * object a second in JSON. Nothing with --quiet.
 */
import type { Variables } from "../variables.ts";
import type { LiveBlock } from "./live-block.ts";
import type { Output } from "./output.ts";
import { wrapList } from "./wrap.ts";

/** Updates per second, unless HOLDFAST_PROGRESS_FPS says otherwise. */
const RATES = { terminal: 10, lines: 0.1, json: 1 } as const;
/** A terminal is never drawn more often. */
const MAX_TERMINAL_RATE = 10;
const MAX_RATE = 60;

/** What a run can say about itself. Each is asked only when it is shown. */
export interface ProgressView {
  /** For a terminal; the first line sums up. Safe to print. */
  block(): string[];
  /** For a log; safe to print. */
  line(): string;
  json(): unknown;
  /** Called before each of the others, also to measure rates. */
  update(nowMs: number): void;
}

/** Shows progress until `stop` is called. */
export function showProgress(view: ProgressView, output: Output, variables: Variables): { stop(): void } {
  const mode = output.settings.json ? "json" : output.live === undefined ? "lines" : "terminal";
  const wanted = Number(variables.find("PROGRESS_FPS")?.value ?? Number.NaN);
  const isSet = Number.isFinite(wanted) && wanted > 0;
  if (output.settings.quiet && !isSet) return { stop: () => {} };
  const rate = Math.min(isSet ? wanted : RATES[mode], mode === "terminal" ? MAX_TERMINAL_RATE : MAX_RATE);
  const show = (): void => {
    view.update(performance.now());
    if (mode === "json") output.printJsonNow(view.json());
    else if (mode === "terminal") drawBlock(view.block(), output.live);
    else output.error(view.line());
  };
  view.update(performance.now());
  const timer = setInterval(show, 1000 / rate);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      output.live?.end();
    },
  };
}

/** The line that sums up is shown whole, however narrow the terminal is; names are shortened. */
function drawBlock([summary = "", ...rest]: readonly string[], live: LiveBlock | undefined): void {
  if (live === undefined) return;
  // Below the text behind `[1:23] `.
  const indent = summary.indexOf("] ") + 2;
  live.draw([...wrapList(summary, { width: live.width - 1, indent }), ...rest]);
}
