import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { PasswordPrompt } from "./prompt.ts";

/** A terminal that types `keys` when it is asked in raw mode. */
class TypingTerminal extends PassThrough {
  readonly modes: boolean[] = [];
  shown = "";

  setRawMode(mode: boolean): void {
    this.modes.push(mode);
  }
}

const { signal } = new AbortController();

async function asked(keys: string, questions = 1): Promise<{ answers: string[]; terminal: TypingTerminal }> {
  const terminal = new TypingTerminal();
  const prompt = new PasswordPrompt(terminal, (text) => {
    expect(text === "\n" || terminal.modes.at(-1)).toBe(true);
    terminal.shown += text;
  });
  terminal.write(keys);
  const answers: string[] = [];
  for (let n = 0; n < questions; n++) answers.push(await prompt.ask("password: ", { signal }));
  return { answers, terminal };
}

describe("PasswordPrompt", () => {
  test.for<[string, string]>([
    ["secret\r", "secret"],
    ["secret\n", "secret"],
    ["abX\u007fc\r", "abc"],
    ["ab👍\u007fc\r", "abc"],
    ["wrong\u0015right\r", "right"],
    ["pässwörd 日本\r", "pässwörd 日本"],
    ["\u0004", ""],
    ["\u007f\u007fa\r", "a"],
  ])("%j", async ([keys, password]) => {
    expect((await asked(keys)).answers).toEqual([password]);
  });

  test("nothing that is typed is shown, and the terminal is left as it was", async () => {
    const { terminal } = await asked("secret\r");
    expect(terminal.shown).toBe("password: \n");
    expect(terminal.modes).toEqual([true, false]);
  });

  test("what was pasted beyond a line answers the next question", async () => {
    expect((await asked("one\rtwo\r", 2)).answers).toEqual(["one", "two"]);
  });

  test("Ctrl-C ends the question", async () => {
    await expect(asked("sec\u0003")).rejects.toMatchObject({ code: "CLI_INTERRUPTED", kind: "cancelled" });
  });

  test("an abort ends the question and restores the terminal", async () => {
    const terminal = new TypingTerminal();
    const controller = new AbortController();
    const answer = new PasswordPrompt(terminal, () => {}).ask("?", { signal: controller.signal });
    controller.abort(new Error("over"));
    await expect(answer).rejects.toThrow("over");
    expect(terminal.modes).toEqual([true, false]);
  });
});
