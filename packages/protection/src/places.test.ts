import { describe, expect, test } from "vitest";
import { defaultPlaces } from "./places.ts";

describe("default places", () => {
  test.for<[string, Record<string, string>, string, string]>([
    [
      "without variables",
      {},
      "/home/ann/.local/share/holdfast/repository",
      "/home/ann/.config/holdfast/repository.password",
    ],
    [
      "with XDG folders",
      { XDG_DATA_HOME: "/data", XDG_CONFIG_HOME: "/conf" },
      "/data/holdfast/repository",
      "/conf/holdfast/repository.password",
    ],
    [
      "relative ones do not count",
      { XDG_DATA_HOME: "data", XDG_CONFIG_HOME: "" },
      "/home/ann/.local/share/holdfast/repository",
      "/home/ann/.config/holdfast/repository.password",
    ],
  ])("%s", ([, variables, repository, passwordFile]) => {
    expect(defaultPlaces((name) => variables[name], "/home/ann")).toEqual({ repository, passwordFile });
  });
});
