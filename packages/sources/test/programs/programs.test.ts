/** Programs and what they are fed with. */
import { describe, expect, test } from "vitest";
import { Programs } from "../../src/programs/programs.ts";

const programs = new Programs({ source: "source db", environment: process.env });
const signal = new AbortController().signal;

describe("the input of a program", () => {
  test("that has nothing for a long time does not keep a program that has failed", async () => {
    let isReturned = false;
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from("a line\n");
        await new Promise(() => {});
      } finally {
        isReturned = true;
      }
    }
    const call = { tool: "sh", args: ["-c", "read -r line; echo $line >&2; exit 3"] };
    await expect(programs.text(call, { signal, input: input() })).rejects.toThrow(/exit code 3: a line/);
    // It waits, so its end comes when it goes on, which is never: nobody waits for that.
    expect(isReturned).toBe(false);
  });

  test("that fails is what is told, not that the program was ended for it", async () => {
    async function* input(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("the repository is gone");
    }
    const call = { tool: "sh", args: ["-c", "cat > /dev/null; sleep 30"] };
    await expect(programs.text(call, { signal, input: input() })).rejects.toThrow("the repository is gone");
  });

  test("is not read further than the program reads", async () => {
    let isReturned = false;
    let given = 0;
    async function* input(): AsyncGenerator<Uint8Array> {
      try {
        for (; given < 1000; given++) yield Buffer.alloc(65_536);
      } finally {
        isReturned = true;
      }
    }
    const call = { tool: "sh", args: ["-c", "head -c 10 | wc -c"] };
    expect(await programs.text(call, { signal, input: input() })).toBe("10\n");
    expect(isReturned).toBe(true);
    expect(given).toBeLessThan(100);
  });
});
