import { messageOf } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { NO_SURROUNDINGS, parseLocation } from "../location.ts";
import { parseS3Place } from "./s3-location.ts";
import { regionInConfig, s3Settings } from "./s3-settings.ts";

describe("an address of a bucket", () => {
  test.each([
    ["s3.amazonaws.com/bucket", "https:", "s3.amazonaws.com", "bucket", ""],
    ["s3.amazonaws.com/bucket/", "https:", "s3.amazonaws.com", "bucket", ""],
    ["//host/bucket/a", "https:", "host", "bucket", "a/"],
    ["host:9000/bucket/a/b", "https:", "host:9000", "bucket", "a/b/"],
    ["http://127.0.0.1:9000/bucket/a//b/", "http:", "127.0.0.1:9000", "bucket", "a/b/"],
    ["https://host/bucket/a%20b", "https:", "host", "bucket", "a b/"],
    ["http://[::1]:9000/bucket", "http:", "[::1]:9000", "bucket", ""],
  ])("'%s' is understood as restic does", (text, protocol, host, bucket, prefix) => {
    expect(parseS3Place(text)).toMatchObject({ protocol, host, bucket, prefix });
  });

  test.each([
    "",
    "host",
    "host/",
    "/bucket",
    "https://host",
    "https://host/",
    "http:///bucket",
    "host/bu cket",
    "host/bucket/../other",
    "host/bucket/a\nb",
    "https://host/bucket?versionId=1",
    "https://host/bucket/%zz",
    "https://key:geheim@host/bucket",
    "key:geheim@host/bucket",
  ])("'%s' is refused, and not repeated", (text) => {
    expect(() => parseS3Place(text)).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_LOCATION" }));
    try {
      parseS3Place(text);
    } catch (error) {
      expect(messageOf(error) + JSON.stringify(error)).not.toContain("geheim");
    }
  });

  test.each([
    ["s3:s3.amazonaws.com/bucket/a", "s3", "s3:s3.amazonaws.com/bucket/a"],
    ["s3:https://host/bucket", "s3", "s3:host/bucket"],
    ["s3:http://host:1/bucket/x/", "s3", "s3:http://host:1/bucket/x"],
    ["gs:bucket:/a/b", "gs", "gs:bucket:/a/b"],
    ["gs:bucket:/", "gs", "gs:bucket:/"],
  ])("'%s' is shown as it is", (text, scheme, shown) => {
    expect(parseLocation(text)).toMatchObject({ scheme, shown });
  });

  test.each(["gs:bucket", "gs::/x", "gs:bucket/x", "gs:bucket:/.."])("'%s' is refused", (text) => {
    expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_LOCATION" }));
  });
});

describe("settings", () => {
  const of = (address: string, options: Record<string, string> = {}, variables: Record<string, string> = {}) =>
    s3Settings(parseS3Place(address), {
      variable: (name) => variables[name],
      option: (name) => options[name],
      home: "/nonexistent",
    });

  test.each([
    ["s3.amazonaws.com/bucket", {}, { region: "us-east-1", isRegionKnown: false, isPathStyle: false, isAws: true }],
    ["s3.amazonaws.com/buc.ket", {}, { isPathStyle: true }],
    ["s3.eu-west-1.amazonaws.com/bucket", {}, { region: "eu-west-1", isRegionKnown: true }],
    ["s3.cn-north-1.amazonaws.com.cn/bucket", {}, { region: "cn-north-1", isAws: true }],
    ["host/bucket", {}, { region: "us-east-1", isPathStyle: true, isAws: false }],
    ["host/bucket", { "s3.bucket-lookup": "dns" }, { isPathStyle: false }],
    ["s3.amazonaws.com/bucket", { "s3.bucket-lookup": "path" }, { isPathStyle: true }],
    ["s3.amazonaws.com.evil.example/bucket", {}, { isAws: false }],
    ["host/bucket", { "s3.connections": "3" }, { maxConcurrency: 3 }],
    [
      "host/bucket",
      { "s3.retention-mode": "Compliance", "s3.retention-days": "30" },
      { retention: { mode: "COMPLIANCE", days: 30 } },
    ],
    ["host/bucket", { "s3.as-of": "2026-11-01T00:00:00Z" }, { asOfMs: Date.UTC(2026, 10, 1) }],
  ])("of %s with %j", async (address, options, expected) => {
    expect(await of(address, options)).toMatchObject(expected);
  });

  test.each([
    { "s3.bucket-lookup": "maybe" },
    { "s3.connections": "0" },
    { "s3.connections": "many" },
    { "s3.retention-mode": "governance" },
    { "s3.retention-days": "3" },
    { "s3.retention-mode": "strict", "s3.retention-days": "3" },
    { "s3.as-of": "yesterday" },
    { "s3.as-of": "2026-11-01" },
    { "s3.storage-class": "cheap\n" },
    { "s3.server-side-encryption": "rot13" },
    { "s3.region": "eu west" },
    { "s3.enable-restore": "yes" },
    { "s3.restore-days": "3" },
    { "s3.restore-tier": "Bulk" },
    { "s3.enable-restore": "true", "s3.restore-days": "0" },
    { "s3.enable-restore": "true", "s3.restore-tier": "Slow" },
    { "s3.enable-restore": "true", "s3.restore-timeout": "90" },
    { "s3.enable-restore": "true", "s3.restore-timeout": "0h" },
  ])("%j is refused", async (options: Record<string, string>) => {
    await expect(of("host/bucket", options)).rejects.toMatchObject({ code: "STORAGE_INVALID_OPTION" });
  });

  test("ask for nothing in a cold class unless they are told to, and then as restic does", async () => {
    expect((await of("host/bucket", {})).warmUp).toBeUndefined();
    expect((await of("host/bucket", { "s3.enable-restore": "false" })).warmUp).toBeUndefined();
    const rule = { days: 7, tier: "Standard", timeoutMs: 24 * 3_600_000 };
    expect((await of("host/bucket", { "s3.enable-restore": "1" })).warmUp).toEqual(rule);
    const given = {
      "s3.enable-restore": "true",
      "s3.restore-days": "2",
      "s3.restore-tier": "bulk",
      "s3.restore-timeout": "12h",
    };
    expect((await of("host/bucket", given)).warmUp).toEqual({ days: 2, tier: "Bulk", timeoutMs: 12 * 3_600_000 });
  });

  test("take the region from options before variables before files", async () => {
    const variables = { AWS_REGION: "eu-west-3", AWS_DEFAULT_REGION: "eu-west-2" };
    expect((await of("host/bucket", { "s3.region": "eu-west-1" }, variables)).region).toBe("eu-west-1");
    expect((await of("host/bucket", {}, variables)).region).toBe("eu-west-3");
    const text = "[default]\nregion = eu-south-1\n[profile work]\n output=json\n region=eu-south-2 # here\n";
    expect(regionInConfig(text, "default")).toBe("eu-south-1");
    expect(regionInConfig(text, "work")).toBe("eu-south-2");
    expect(regionInConfig(text, "none")).toBeUndefined();
  });
});

test("half of a key is no key, and the message has none of it", async () => {
  const surroundings = {
    ...NO_SURROUNDINGS,
    variable: (name: string) => (name === "AWS_SECRET_ACCESS_KEY" ? "geheim" : undefined),
  };
  const error: unknown = await parseLocation("s3:host/bucket")
    .open(surroundings)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "STORAGE_NO_CREDENTIALS" });
  expect(JSON.stringify(error)).not.toContain("geheim");
});
