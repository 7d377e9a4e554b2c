/** Who stands in a file of approvers. That signatures are verified is tested with real keys, in `test/plans.test.ts`. */
import { describe, expect, test } from "vitest";
import { parseApprovers } from "./approvers.ts";

const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAnna";
const OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIBert";

function parse(text: string): unknown {
  return parseApprovers(text, (problem) => new Error(problem)).map(({ names }) => names);
}

describe("a file of approvers", () => {
  test("names people, each once, however many keys they have", () => {
    const text = [
      "# who approves",
      "",
      `anna@example.org,anna ssh-ed25519 ${KEY} a comment with "words"`,
      `anna@example.org sk-ssh-ed25519@openssh.com ${OTHER}`,
      `bert namespaces="git, file",valid-after="20260101" ecdsa-sha2-nistp256 ${OTHER}Git`,
      `cleo namespaces="file,holdfast-plan" ssh-rsa ${OTHER}Rsa\r`,
    ].join("\n");
    expect(parse(text)).toEqual([["anna@example.org", "anna"], ["cleo"]]);
  });

  test.each([
    ["a pattern, which stands for anybody", `*@example.org ssh-ed25519 ${KEY}`, /line 1 must name people/],
    ["what is not meant", `!anna,bert ssh-ed25519 ${KEY}`, /without patterns/],
    ["an authority, which could make more", `anna cert-authority ssh-ed25519 ${KEY}`, /authority/],
    ["one key for two people", `anna ssh-ed25519 ${KEY}\nbert ssh-ed25519 ${KEY}`, /line 2 has the key of anna/],
    [
      "one name for two people",
      `anna,boss ssh-ed25519 ${KEY}\nbert,boss ssh-ed25519 ${OTHER}`,
      /line 2 has a name of anna/,
    ],
    ["no key", "anna ssh-ed25519", /line 1 is no line of allowed signers/],
    ["no name", `ssh-ed25519 ${KEY}`, /line 1 is no line of allowed signers/],
    ["something else", "hello", /line 1/],
  ])("is refused with %s", (_, text, problem) => {
    expect(() => parse(text)).toThrow(problem);
  });
});
