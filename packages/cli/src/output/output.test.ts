import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LiveBlock } from "./live-block.ts";
import { Output, type OutputSettings } from "./output.ts";
import { Rate } from "./rate.ts";
import { safeText } from "./safe-text.ts";
import { displayWidth, formatTable, shorten } from "./table.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatElapsed,
  formatLocalTime,
  formatMode,
  plural,
  timeLeft,
} from "./units.ts";
import { twoColumns, wrap, wrapList, wrapProse } from "./wrap.ts";

describe("units", () => {
  test.for<[number, string]>([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [10_240, "10.0 KiB"],
    [1_048_575, "1.00 MiB"],
    [123_456_789, "118 MiB"],
    [5 * 1024 ** 5, "5.00 PiB"],
  ])("%d bytes", ([bytes, text]) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test("sizes never show four digits before the unit, save a byte count just below the next unit", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.nat(2 ** 20), (a, b) => {
        expect(formatBytes(a * b)).toMatch(/^(\d{1,4} B|(\d\.\d\d|\d\d\.\d|\d{3}|10[0-2]\d) [KMGTP]iB)$/);
      }),
    );
  });

  test("counts, durations and plurals", () => {
    expect([0, 999, 1000, 1_234_567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
    expect([0, 7_400, 754_000, 3_723_000, 90_000_000].map(formatDuration)).toEqual([
      "0:00",
      "0:07",
      "12:34",
      "1:02:03",
      "25:00:00",
    ]);
    expect([0, 40, 9_940, 9_960, 59_400, 59_600, 83_000, 7_384_000].map(formatElapsed)).toEqual([
      "0.0 s",
      "0.0 s",
      "9.9 s",
      "10 s",
      "59 s",
      "1:00 min",
      "1:23 min",
      "2:03:04 h",
    ]);
    expect([undefined, 0, 499, 500, 61_000].map(timeLeft)).toEqual([[], [], [], ["0:01 left"], ["1:01 left"]]);
    expect([plural(1, "file"), plural(2, "file"), plural(2, "entry", "entries")]).toEqual([
      "1 file",
      "2 files",
      "2 entries",
    ]);
  });

  test("times are in the given zone", () => {
    expect(formatLocalTime(1_782_907_200_123_456_789n, "Europe/Berlin")).toBe("2026-07-01 14:00:00");
    expect(formatLocalTime(-1n, "UTC")).toBe("1969-12-31 23:59:59");
  });

  test.for<[string, number, string]>([
    ["file", 0o644, "-rw-r--r--"],
    ["dir", 0o1777, "drwxrwxrwt"],
    ["file", 0o4755, "-rwsr-xr-x"],
    ["file", 0o6644, "-rwSr-Sr--"],
    ["symlink", 0o777, "lrwxrwxrwx"],
  ])("mode of %s %o", ([type, mode, text]) => {
    expect(formatMode(type, mode)).toBe(text);
  });
});

describe("tables", () => {
  test("columns are as wide as their content", () => {
    const columns = [{ heading: "ID" }, { heading: "Size", align: "right" } as const];
    expect(
      formatTable(
        columns,
        [
          ["abcd", "1"],
          ["e\nf", "12345"],
        ],
        { foot: "2 rows" },
      ),
    ).toEqual(["ID     Size", "-----------", "abcd      1", "e     12345", "f", "-----------", "2 rows"]);
  });

  test("that are too wide shorten the cells of columns that may shrink, and nothing else", () => {
    const columns = [{ heading: "ID" }, { heading: "Paths", shrinks: true }, { heading: "Size" }] as const;
    const rows = [["4f3c21aa", "/home/ada/Documents/letters", "1.13 GiB"]];
    const wide = formatTable(columns, rows);
    expect(wide[2]).toBe("4f3c21aa  /home/ada/Documents/letters  1.13 GiB");
    expect(formatTable(columns, rows, { width: 60 })).toEqual(wide);
    for (const width of [30, 40, 46]) {
      const fitted = formatTable(columns, rows, { width });
      expect(fitted.map(displayWidth).every((shown) => shown <= width)).toBe(true);
      expect(fitted[2]).toMatch(/^4f3c21aa {2}\/.*….* {2}1\.13 GiB$/);
    }
    expect(formatTable(columns, rows, { width: 5 })[2]).toMatch(/^4f3c21aa {2}\S{8} {2}1\.13 GiB$/);
  });

  test("width counts what a terminal shows", () => {
    expect(["abc", "日本", "e\u0301", "👍"].map(displayWidth)).toEqual([3, 4, 1, 2]);
  });

  test("shortened texts fit and keep both ends", () => {
    expect(shorten("/home/ada/Documents/letter.txt", 16)).toMatch(/^\/hom.*…ment.*tter\.txt$|^\/.+….+\.txt$/);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 2, max: 40 }), (text, width) => {
        expect(displayWidth(shorten(text, width))).toBeLessThanOrEqual(Math.max(width, displayWidth("…")));
      }),
    );
  });
});

describe("wrapping", () => {
  test("lines are no longer than allowed where words permit, and no word is lost", () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
        fc.integer({ min: 12, max: 60 }),
        (words, width) => {
          const lines = wrap(words.join(" "), width);
          expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
          expect(lines.join(" ")).toBe(words.join(" "));
        },
      ),
    );
  });

  test("prose breaks at spaces where it is too wide, and keeps its indentation and columns", () => {
    expect(wrapProse("short\n  two   columns", 20)).toBe("short\n  two   columns");
    expect(wrapProse("  stored    8,136 files of the folder", 24)).toBe("  stored    8,136 files\n  of the folder");
    expect(wrapProse("/a/path/that/is/longer than the terminal", 10)).toBe(
      "/a/path/that/is/longer\nthan the\nterminal",
    );
  });

  test("a list breaks between its items, and goes on below the first", () => {
    const line = "[0:02] 32.2%, 8,013 of 8,136 files, 373 MiB of 1.13 GiB, 183 MiB/s";
    expect(wrapList(line, { width: 80, indent: 7 })).toEqual([line]);
    expect(wrapList(line, { width: 59, indent: 7 })).toEqual([
      "[0:02] 32.2%, 8,013 of 8,136 files, 373 MiB of 1.13 GiB,",
      "       183 MiB/s",
    ]);
    expect(wrapList(line, { width: 10, indent: 7 })).toHaveLength(4);
    expect(wrapList("", { width: 10, indent: 1 })).toEqual([""]);
  });

  test("a term that is too long stands on a line of its own", () => {
    expect(
      twoColumns(
        [
          ["-a", "one"],
          ["--an-option-with-a-very-long-name <value>", "two"],
        ],
        60,
      ),
    ).toEqual(["  -a  one", "  --an-option-with-a-very-long-name <value>", "      two"]);
  });
});

describe("safeText", () => {
  test("nothing that steers a terminal is left", () => {
    expect(safeText("a\u001b[31mb\nc\u202ed\udc80")).toBe("a\\x1b[31mb\\x0ac\\u{202e}d\\u{dc80}");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(safeText(text)).not.toMatch(/[\p{Cc}\p{Cs}]/u);
      }),
    );
  });
});

describe("LiveBlock", () => {
  const drawn = (use: (block: LiveBlock) => void): string => {
    let text = "";
    use(new LiveBlock({ columns: 20, write: (part) => (text += part) }));
    return text;
  };

  test("a second drawing replaces the first", () => {
    expect(drawn((block) => (block.draw(["a", "b"]), block.draw(["c"])))).toBe("\u001b[?25la\nb\n\u001b[2F\u001b[Jc\n");
  });

  test("the end removes the block and brings the cursor back, once", () => {
    const text = drawn((block) => (block.draw(["a"]), block.end(), block.end()));
    expect(text).toBe("\u001b[?25la\n\u001b[1F\u001b[J\u001b[?25h");
  });

  test("lines are cut to the width of the terminal", () => {
    expect(drawn((block) => block.draw(["x".repeat(100)]))).toMatch(/x{4,}…x{4,}\n$/);
    expect(drawn((block) => block.draw(["x".repeat(100)])).length).toBeLessThan(40);
  });
});

describe("Rate", () => {
  test("a steady flow is its rate from the second reading on", () => {
    const rate = new Rate();
    expect(rate.perSecond()).toBe(0);
    for (let at = 0; at <= 20; at++) rate.add(at * 50, at * 100);
    expect(rate.perSecond()).toBeCloseTo(500);
    expect(rate.remainingMs(1000)).toBeCloseTo(2000);
  });

  test("a stop lets the rate fall, and a dead flow has no end in sight", () => {
    const rate = new Rate();
    rate.add(0, 0);
    rate.add(1000, 1000);
    rate.add(1000, 6000);
    expect(rate.perSecond()).toBeLessThan(600);
    expect(new Rate().remainingMs(1)).toBeUndefined();
  });
});

describe("Output", () => {
  const made = (settings: Partial<OutputSettings>): { output: Output; out: PassThrough; err: PassThrough } => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    const all = { json: false, quiet: false, verbosity: 0, color: false, ...settings };
    return { output: new Output(all, { out, err }), out, err };
  };
  const bytes = (stream: PassThrough): Buffer => {
    const chunks: Buffer[] = [];
    for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null)
      chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const text = (stream: PassThrough): string => bytes(stream).toString("utf8");

  test("results go to standard output, messages and warnings to standard error", async () => {
    const { output, out, err } = made({});
    output.print("result");
    output.message("message");
    output.message("detail", 1);
    output.warn("warning", { during: "test" });
    await output.flush();
    expect(text(out)).toBe("result\n");
    expect(text(err)).toBe("message\nwarning: warning\n");
  });

  test("--quiet keeps results and warnings only", async () => {
    const { output, out, err } = made({ quiet: true });
    output.print("result");
    output.message("message");
    output.warn("warning", { during: "test" });
    await output.flush();
    expect([text(out), text(err)]).toEqual(["result\n", "warning: warning\n"]);
  });

  test("in JSON there are no messages, and warnings are objects", async () => {
    const { output, out, err } = made({ json: true });
    output.printJson({ a: 2n ** 64n - 1n, b: "x\udc80" });
    output.message("message");
    output.warn("bad", { during: "test", item: "/x" });
    await output.flush();
    expect(text(out)).toBe('{"a":18446744073709551615,"b":"x\\udc80"}\n');
    expect(JSON.parse(text(err))).toEqual({
      message_type: "error",
      error: { message: "bad" },
      during: "test",
      item: "/x",
    });
  });

  test("on a terminal, what is printed in one turn is one write, in order with messages", async () => {
    const writes: string[] = [];
    const terminal = Object.assign(new PassThrough(), {
      isTTY: true,
      columns: 30,
      write: (part: string): boolean => writes.push(part) > 0,
    });
    const settings = { json: false, quiet: true, verbosity: 0, color: false };
    const output = new Output(settings, { out: terminal, err: terminal });
    output.print("one");
    output.print("two");
    expect(writes).toEqual([]);
    await Promise.resolve();
    expect(writes).toEqual(["one\ntwo\n"]);
    output.print("three");
    output.warn("four words that are too many for it", { during: "test" });
    expect(writes.slice(1)).toEqual(["three\n", "warning: four words that are\ntoo many for it\n"]);
    expect(output.width).toBe(30);
  });

  test("raw bytes come after the text before them", async () => {
    const { output, out } = made({});
    output.print("head");
    await output.printBytes(new Uint8Array([0, 255]), { signal: new AbortController().signal });
    expect(bytes(out)).toEqual(Buffer.from([104, 101, 97, 100, 10, 0, 255]));
  });
});
