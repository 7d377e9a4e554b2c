import { describe, expect, test } from "vitest";
import { passwordInFile, trimPassword } from "./password-text.ts";

describe("a password in a file", () => {
  test.for<[bytes: Buffer, password: string]>([
    [Buffer.from("secret\n"), "secret"],
    [Buffer.from(" secret\r\n"), "secret"],
    [Buffer.from("\tsecret \n\n"), "secret"],
    [Buffer.from("two words\nand a line\n"), "two words\nand a line"],
    [Buffer.from("\u0085\u00a0\u2003pass wörd\u3000\u2028"), "pass wörd"],
    [Buffer.from("\ufeffsecret\r\n"), "secret"],
    [Buffer.from("\ufeffsecret\r\n", "utf16le"), "secret"],
    [Buffer.from("\ufeffpässwörd\n", "utf16le").swap16(), "pässwörd"],
    [Buffer.from("secret\ufeff\n"), "secret\ufeff"],
    [Buffer.from("\u200bsecret"), "\u200bsecret"],
    [Buffer.from(" \r\n"), ""],
    [Buffer.alloc(0), ""],
  ])("%j is %j", ([bytes, password]) => {
    expect(passwordInFile(bytes)).toBe(password);
  });
});

test("a byte order mark that a command prints is part of the password", () => {
  expect(trimPassword(" \ufeffsecret \n")).toBe("\ufeffsecret");
});
