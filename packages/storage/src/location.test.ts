import { messageOf } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { openBackend, parseLocation } from "./location.ts";

describe("parseLocation", () => {
  test.each([
    ["/srv/backup", "/srv/backup"],
    ["backup", "backup"],
    ["some/where", "some/where"],
    ["./with:colon", "./with:colon"],
    ["../with:colon", "../with:colon"],
    ["/srv/with:colon", "/srv/with:colon"],
    ["local:/srv/backup", "/srv/backup"],
    ["local:relative:odd", "relative:odd"],
    ["file:///srv/my%20backup", "/srv/my backup"],
    [" ", " "],
  ])("takes '%s' for the folder '%s'", (text, path) => {
    expect(parseLocation(text)).toMatchObject({ scheme: "local", shown: path });
  });

  test.each(["b2", "swift"])("knows that '%s:' is not supported", (scheme) => {
    const text = `${scheme}:https://user:geheim@host/repo`;
    expect(() => parseLocation(text)).toThrow(
      expect.objectContaining({ code: "STORAGE_UNSUPPORTED", details: { scheme } }),
    );
  });

  test.each(["", "local:", "a\0b", "file://host/share", "file:///a%2Fb", "foo:bar", "C:\\backup", "host:/path"])(
    "refuses '%s'",
    (text) => {
      expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_LOCATION" }));
    },
  );

  test.each([
    "rest:https://user:geheim@host/?x",
    "rest:https:/user:geheim@host/",
    "webdav:https://user:geheim%@host/",
    "ret:https://user:geheim@host/",
    "S3:https://key:geheim@host/bucket",
  ])("repeats no password of '%s'", (text) => {
    const error = (() => {
      try {
        return parseLocation(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(messageOf(error) + JSON.stringify(error)).not.toContain("geheim");
    expect(error).toBeInstanceOf(Error);
  });
});

describe("parseLocation of servers", () => {
  test.each([
    ["rest:https://anna:geheim@host:8000/a/b", "rest", "rest:https://anna@host:8000/a/b/"],
    ["rest:http://[::1]:8000/", "rest", "rest:http://[::1]:8000/"],
    ["rest:http+unix:///run/rest.sock:/a/", "rest", "rest:http+unix:///run/rest.sock:/a/"],
    ["webdav:https://host/remote.php/dav/files/anna", "webdav", "webdav:https://host/remote.php/dav/files/anna/"],
    ["azure:backups:/", "azure", "azure:backups:/"],
    ["azure:backups:/a//b/", "azure", "azure:backups:/a/b"],
    ["rclone:drive:a/b", "rclone", "rclone:drive:a/b"],
    ["rclone::sftp,host=h,pass=geheim:a", "rclone", "rclone::sftp,…"],
  ])("takes '%s' for a place of %s", (text, scheme, shown) => {
    expect(parseLocation(text)).toMatchObject({ scheme, shown });
  });

  test.each([
    "rest:",
    "rest:/srv",
    "rest:ftp://host/",
    "rest:http:///path",
    "webdav:host/path",
    "azure:x:/",
    "azure:UPPER:/",
    "azure:backups",
    "azure:backups:/../x",
  ])("refuses '%s'", (text) => {
    expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_LOCATION" }));
  });
});

test("openBackend makes the path absolute and touches nothing", async () => {
  const backend = await openBackend("local:/no/such/../folder");
  expect(backend.location).toBe("/no/folder");
});
