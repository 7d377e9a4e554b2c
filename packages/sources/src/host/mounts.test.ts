import { describe, expect, test } from "vitest";
import { mountOf, parseMounts } from "./mounts.ts";

// As proc(5) describes it: optional fields stand before the dash, and spaces are written in octal.
const TEXT = `22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw - proc proc rw
30 22 0:40 /@home /home rw,noatime master:3 propagate_from:2 - btrfs /dev/mapper/vg-home rw,subvol=/@home
31 22 0:41 / /srv/with\\040space rw - xfs /dev/sdb1 rw
`;

describe("mounts", () => {
  test("are read with what is mounted, and where", () => {
    expect(parseMounts(TEXT)).toEqual([
      { point: "/", type: "ext4", device: "/dev/vda1", id: "0:20", root: "/" },
      { point: "/proc", type: "proc", device: "proc", id: "0:21", root: "/" },
      { point: "/home", type: "btrfs", device: "/dev/mapper/vg-home", id: "0:40", root: "/@home" },
      { point: "/srv/with space", type: "xfs", device: "/dev/sdb1", id: "0:41", root: "/" },
    ]);
  });

  test("that cannot be made out are passed over", () => {
    expect(parseMounts("\nnonsense\n1 2 - ext4\n")).toEqual([]);
  });

  test("of this machine hold each path", async () => {
    expect((await mountOf("/proc/self"))?.type).toBe("proc");
    expect(await mountOf("/")).toMatchObject({ point: "/" });
  });
});
