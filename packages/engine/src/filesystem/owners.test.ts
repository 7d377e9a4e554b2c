import { expect, test } from "vitest";
import { groupId, groupName, userId, userName } from "./owners.ts";

test("names and numbers lead to each other, the second time as the first", () => {
  for (let i = 0; i < 2; i++) {
    expect([userName(0), groupName(0), userId("root"), groupId("root")]).toEqual(["root", "root", 0, 0]);
  }
});

test("what has no name has an empty one, and a name that nobody has no number", () => {
  for (let i = 0; i < 2; i++) {
    expect([userName(3_999_999_999), groupName(3_999_999_999)]).toEqual(["", ""]);
    expect([userId("no-such-user"), groupId("no-such-group")]).toEqual([undefined, undefined]);
  }
});
