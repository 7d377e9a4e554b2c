import { messageOf } from "@holdfast/base";
import { describe, expect, test } from "vitest";
import { parseLocation } from "../location.ts";
import { sftpLocation } from "./sftp-location.ts";

describe("an address by SFTP", () => {
  test.each([
    ["sftp:user@host:/srv/backup", "sftp:user@host:/srv/backup"],
    ["sftp:user@host:relative/path", "sftp:user@host:relative/path"],
    ["sftp:host:/srv//backup/", "sftp:host:/srv/backup"],
    ["sftp:user@mail.example:with@host:/srv", "sftp:user@mail.example:with@host:/srv"],
    ["sftp:user@domain@host:/srv", "sftp:user@domain@host:/srv"],
    ["sftp:user@[2001:db8::1]:/srv", "sftp:user@[2001:db8::1]:/srv"],
    ["sftp:host:with:colon", "sftp:host:with:colon"],
    ["sftp://user@host:2222//srv/backup", "sftp://user@host:2222//srv/backup"],
    ["sftp://user@host//srv/my%20backup", "sftp:user@host:/srv/my backup"],
    ["sftp://user@host/relative", "sftp:user@host:relative"],
    ["sftp://[::1]:22//srv", "sftp://[::1]:22//srv"],
    ["sftp://a%40b@host/x", "sftp:a@b@host:x"],
  ])("is understood as restic does: %s", (text, shown) => {
    expect(parseLocation(text)).toMatchObject({ scheme: "sftp", shown });
  });

  test.each([
    "host",
    "host:",
    ":/path",
    "@:/path",
    "user@:/path",
    "user@-oProxyCommand=x:/path",
    "host:~/backup",
    "host:a\0b",
    "//host",
    "//host/",
    "//user:geheim@host/path",
    "//host:0/path",
    "//host:99999/path",
    "//host:port/path",
    "//host/%zz",
    "///path",
    "//::1/path",
  ])("is refused, without repeating a password: %s", (rest) => {
    const error = (() => {
      try {
        return sftpLocation(rest);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ code: "STORAGE_INVALID_LOCATION" });
    expect(messageOf(error) + JSON.stringify(error)).not.toContain("geheim");
  });

  test.each([
    [{ "sftp.command": "ssh 'host" }, "sftp.command"],
    [{ "sftp.command": " " }, "sftp.command"],
    [{ "sftp.args": '"' }, "sftp.args"],
    [{ "sftp.command": "ssh host -s sftp", "sftp.args": "-4" }, "sftp.args"],
    [{ "sftp.connections": "0" }, "sftp.connections"],
    [{ "sftp.timeout": "soon" }, "sftp.timeout"],
  ])("refuses the options %o", async (options: Readonly<Record<string, string>>, option) => {
    const surroundings = { variable: () => undefined, option: (name: string) => options[name], home: "/" };
    await expect(sftpLocation("host:/srv").open(surroundings)).rejects.toMatchObject({
      code: "STORAGE_INVALID_OPTION",
      details: { option },
    });
  });
});
