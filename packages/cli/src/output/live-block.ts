/** Lines at the end of a terminal that are drawn anew in place. The cursor is hidden meanwhile, and always brought back. */
import { shorten } from "./table.ts";

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[J";

/** The most lines that a block takes, so that it fits small terminals. */
const MAX_LINES = 8;

interface Terminal {
  write(text: string): unknown;
  readonly columns?: number;
}

export class LiveBlock {
  readonly #terminal: Terminal;
  #lines = 0;
  #isHidden = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Width of the terminal in columns. */
  get width(): number {
    // Some terminals say 0 when they do not know.
    return this.#terminal.columns || 80;
  }

  /** Replaces the block. Lines that are too long are shortened; a line must not hold control characters. */
  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, MAX_LINES).map((line) => shorten(line, this.width - 1));
    const hide = this.#isHidden ? "" : HIDE_CURSOR;
    this.#isHidden = true;
    // One write, so that nothing flickers.
    this.#terminal.write(`${hide}${this.#up()}${shown.map((line) => `${line}\n`).join("")}`);
    this.#lines = shown.length;
  }

  /** Removes the block, so that ordinary lines can be printed; the next `draw` brings it back below them. */
  clear(): void {
    if (this.#lines > 0) this.#terminal.write(this.#up());
    this.#lines = 0;
  }

  /** Removes the block and shows the cursor. May be called at any time, also twice. */
  end(): void {
    this.clear();
    if (this.#isHidden) this.#terminal.write(SHOW_CURSOR);
    this.#isHidden = false;
  }

  #up(): string {
    return this.#lines === 0 ? "" : `\u001b[${this.#lines}F${CLEAR_BELOW}`;
  }
}
