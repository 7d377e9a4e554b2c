/** Asks for a password on the terminal without showing it. */
import { cliError } from "../errors.ts";

const ENTER = new Set(["\r", "\n"]);
const INTERRUPT = "\u0003";
const END_OF_INPUT = "\u0004";
const ERASE = new Set(["\u007f", "\b"]);
const ERASE_LINE = "\u0015";

interface Terminal extends AsyncIterable<unknown> {
  setRawMode(mode: boolean): unknown;
  setEncoding(encoding: "utf8"): unknown;
  on(event: "data", listener: (text: string) => void): unknown;
  off(event: "data", listener: (text: string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export class PasswordPrompt {
  readonly #terminal: Terminal;
  readonly #show: (text: string) => void;
  /** What was typed or pasted beyond the end of the last line. */
  #ahead = "";

  constructor(terminal: Terminal, show: (text: string) => void) {
    this.#terminal = terminal;
    this.#show = show;
  }

  /** @throws CLI_INTERRUPTED on Ctrl-C, and the signal's reason */
  async ask(question: string, { signal }: { signal: AbortSignal }): Promise<string> {
    signal.throwIfAborted();
    this.#terminal.setEncoding("utf8");
    // Before the question: what is typed at its sight must not be shown.
    this.#terminal.setRawMode(true);
    try {
      this.#show(question);
      return await this.#readLine(signal);
    } finally {
      this.#terminal.setRawMode(false);
      this.#terminal.pause();
      this.#show("\n");
    }
  }

  #readLine(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      let line = "";
      const end = (finish: () => void): void => {
        this.#terminal.off("data", take);
        signal.removeEventListener("abort", onAbort);
        finish();
      };
      const onAbort = (): void => end(() => reject(signal.reason as Error));
      const take = (text: string): void => {
        const keys = [...text];
        for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
          if (key === INTERRUPT) return end(() => reject(cliError("CLI_INTERRUPTED", { signal: "Ctrl-C" })));
          if (ENTER.has(key) || (key === END_OF_INPUT && line === "")) {
            this.#ahead = keys.join("");
            return end(() => resolve(line));
          }
          if (ERASE.has(key)) line = [...line].slice(0, -1).join("");
          else if (key === ERASE_LINE) line = "";
          else line += key;
        }
      };
      const ahead = this.#ahead;
      this.#ahead = "";
      signal.addEventListener("abort", onAbort, { once: true });
      this.#terminal.on("data", take);
      this.#terminal.resume();
      if (ahead !== "") take(ahead);
    });
  }
}
