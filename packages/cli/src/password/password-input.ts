/** Passwords that a person or a pipe gives: from the terminal without showing them, else the next line of standard input. */
import { createInterface, type Interface } from "node:readline";
import { Secret } from "@holdfast/base";
import { cliError } from "../errors.ts";
import type { Output } from "../output/output.ts";
import { PasswordPrompt } from "./prompt.ts";

export class PasswordInput {
  readonly #output: Output;
  readonly #prompt: PasswordPrompt;
  #lines: { readonly reader: Interface; readonly next: AsyncIterator<string> } | undefined;
  #isClaimed = false;
  /** Questions are put one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #asking = 0;

  constructor(output: Output) {
    this.#output = output;
    this.#prompt = new PasswordPrompt(process.stdin, (text) => {
      output.live?.end();
      process.stderr.write(text);
    });
  }

  /** Takes standard input for data: passwords can then only come from elsewhere. */
  claimStdin(): void {
    this.#isClaimed = true;
  }

  /** Whether somebody is being asked now. */
  get isAsking(): boolean {
    return this.#asking > 0;
  }

  /** Waits until earlier questions are answered. @throws CLI_PASSWORD_STDIN, CLI_PASSWORD_MISSING, CLI_INTERRUPTED */
  async ask(what: string, options: { signal: AbortSignal }): Promise<Secret> {
    this.#asking++;
    const answer = this.#last.then(() => this.#ask(what, options));
    this.#last = answer.catch(() => {});
    try {
      return await answer;
    } finally {
      this.#asking--;
    }
  }

  async #ask(what: string, { signal }: { signal: AbortSignal }): Promise<Secret> {
    if (this.#isClaimed) throw cliError("CLI_PASSWORD_STDIN");
    if (process.stdin.isTTY) return new Secret(await this.#prompt.ask(`${what}: `, { signal }));
    this.#output.message(`reading the ${what} from standard input`, 1);
    const line = await this.#nextLine();
    if (line === undefined) throw cliError("CLI_PASSWORD_MISSING", { what });
    return new Secret(line);
  }

  /** Asks again on a terminal, as nobody sees what they type. @throws CLI_PASSWORDS_DIFFER */
  async askNew(what: string, { signal }: { signal: AbortSignal }): Promise<Secret> {
    const first = await this.ask(what, { signal });
    if (!process.stdin.isTTY) return first;
    const second = await this.ask(`${what} again`, { signal });
    if (first.reveal() !== second.reveal()) throw cliError("CLI_PASSWORDS_DIFFER");
    return first;
  }

  close(): void {
    this.#lines?.reader.close();
  }

  /** `undefined` at the end of the input. */
  async #nextLine(): Promise<string | undefined> {
    if (this.#lines === undefined) {
      const reader = createInterface({ input: process.stdin });
      this.#lines = { reader, next: reader[Symbol.asyncIterator]() };
    }
    const { done, value } = await this.#lines.next.next();
    return done === true ? undefined : value;
  }
}
