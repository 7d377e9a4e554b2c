/** Collects what a worker has to say and sends it in batches. */
import { Counters } from "../workers/counters.ts";
import type { FromWorker, RESTORE_COUNTERS, RestoreEntry } from "./messages.ts";
import type { RestoreProblem } from "./problems.ts";
import { pathHash } from "./path-hashes.ts";

/** Notes are sent when there are this many, and before every other message. */
const BATCH = 256;

export class Reporter {
  readonly counters: Counters<typeof RESTORE_COUNTERS>;
  readonly #post: (message: FromWorker) => void;
  readonly #reportEntries: boolean;
  readonly #noteUntouched: boolean;
  #problems: RestoreProblem[] = [];
  #entries: RestoreEntry[] = [];
  #untouched: number[] = [];

  constructor(parts: {
    counters: Counters<typeof RESTORE_COUNTERS>;
    post: (message: FromWorker) => void;
    reportEntries: boolean;
    noteUntouched: boolean;
  }) {
    this.counters = parts.counters;
    this.#post = parts.post;
    this.#reportEntries = parts.reportEntries;
    this.#noteUntouched = parts.noteUntouched;
  }

  problem(problem: RestoreProblem): void {
    this.#problems.push(problem);
    if (this.#problems.length >= BATCH) this.flush();
  }

  entry(action: RestoreEntry["action"], type: string, path: string, sizeBytes: number): void {
    if (!this.#reportEntries) return;
    this.#entries.push({ action, type, path, sizeBytes });
    if (this.#entries.length >= BATCH) this.flush();
  }

  /** The path was left alone or could not be restored: there is nothing to verify. */
  untouched(path: string): void {
    if (!this.#noteUntouched) return;
    this.#untouched.push(pathHash(path));
    if (this.#untouched.length >= BATCH) this.flush();
  }

  /** Sends a message, behind all notes so far. */
  send(message: FromWorker): void {
    this.flush();
    this.#post(message);
  }

  flush(): void {
    if (this.#problems.length > 0 || this.#entries.length > 0) {
      this.#post({ kind: "notes", problems: this.#problems, entries: this.#entries });
      this.#problems = [];
      this.#entries = [];
    }
    if (this.#untouched.length > 0) {
      this.#post({ kind: "untouched", hashes: this.#untouched });
      this.#untouched = [];
    }
  }
}
