import { expect, test } from "vitest";
import { vmSettings } from "./settings.ts";

const proofOf = (proof: object) => vmSettings.safeParse({ disks: ["/vm/a.qcow2"], proof });

test.for(["login:|", ".*", "(ready)?", "^$"])(
  "the expression %j is refused: it would pass before the machine has said anything",
  (expression) => {
    expect(proofOf({ console: expression }).error?.issues[0]?.message).toMatch(/matches where nothing is said/);
    expect(proofOf({ port: { number: 22, expect: expression } }).success).toBe(false);
    expect(proofOf({ console: "^web login:" }).success).toBe(true);
  },
);
