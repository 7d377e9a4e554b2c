/** A capture whose report somebody has changed who could write to the repository. */
import { posix } from "node:path";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";

/** @param texts by the names of their files in the report; one that is not there is added */
export function withReport(tree: CapturedTree, texts: Readonly<Record<string, string>>): CapturedTree {
  const changed = new Map(Object.entries(texts).map(([file, text]) => [posix.join("report", file), Buffer.from(text)]));
  return {
    facts: tree.facts,
    async list(folder, options) {
      const found = await tree.list(folder, options);
      if (folder !== "report") return found;
      const others = found.filter(({ path }) => !changed.has(path));
      return [
        ...others,
        ...[...changed].map(([path, { length }]) => ({ path, type: "file" as const, sizeBytes: length })),
      ];
    },
    read(path, options) {
      const bytes = changed.get(path);
      return bytes === undefined ? tree.read(path, options) : once(bytes);
    },
    extract: (path, folder, options) => tree.extract(path, folder, options),
    spotCheck: (path, request) => tree.spotCheck(path, request),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Lines that are no more than they seem to be once a shell, `read`, `find`, `chown` or `dpkg` has them. */
const RUNS = "$(touch /pwned)`touch /pwned`;touch /pwned;'\"";

/** What is added to every topic that a rebuild reads. */
export const HOSTILE_LINES: Readonly<Record<string, readonly string[]>> = {
  "users.txt": [
    `${RUNS}:password:1700:1600::/home/x:/bin/sh`,
    "root2:password:0 -exec touch /pwned ;:1600::/root:/bin/sh",
    "team2:password:--reference=/etc/passwd:1600::/home/y:/bin/sh",
    "-n:password:1701:1600::/home/-n:/bin/sh",
    "traversal:password:1702:1600::/home/../pwned:/bin/sh",
    "big:password:99999999999:1600::/home/big:/bin/sh",
  ],
  "groups.txt": [`${RUNS}:x:1700:`, "tape:x:--reference=/etc/passwd:", "-g:x:1701:alice", "a b:x:1702:"],
  "architectures.txt": ["--pre-invoke=touch /pwned", `i386${RUNS}`, "--root=/pwned"],
  "packages-manual.txt": [`${RUNS} amd64`, "-oDpkg::Pre-Invoke::=touch /pwned"],
  "packages-held.txt": [`${RUNS} amd64`, "--help all"],
  "diversions.txt": ["--help /x", `/etc/passwd ${RUNS}`, "-t/ /etc/passwd", "/etc/../pwned /pwned", "relative /pwned"],
  "statoverride.txt": [
    `root root 4755 ${RUNS}`,
    "nobody-has-this root 4755 /bin/sh",
    "nonsense",
    "root root 99 /bin/sh",
  ],
  "units.txt": [`${RUNS} enabled`, "-f/etc/shadow enabled"],
  "unit-links.txt": [`${RUNS} /x`, "-e /x"],
  "conffiles.txt": [
    `missing ${RUNS}`,
    "missing -x",
    "missing /etc/../etc/passwd",
    "missing relative",
    "missing //etc/passwd",
  ],
  "fstab.txt": [`${RUNS} / ext4 defaults 0 1`, "END"],
  "partitions.txt": ["# /dev/sda", "END", RUNS, "# /dev/$(touch /pwned)", "label: dos"],
  "snaps.txt": [`${RUNS}\u001b[31m`],
};

/** Disks and interfaces, which are JSON. */
export const HOSTILE_JSON: Readonly<Record<string, string>> = {
  "network-addresses.json": JSON.stringify([{ ifname: "../../../etc/passwd\n/etc", link_type: "ether" }]),
  "disks.json": JSON.stringify({
    blockdevices: [
      { name: "sda", path: `/dev/${RUNS}`, type: "disk", size: 1, fstype: "ext4", uuid: "1" },
      { name: "sdb", path: "/dev/sdb", type: "disk\ntouch /pwned", size: 1, fstype: "ext4", uuid: RUNS },
      { name: "../x", path: "/dev/sdc", type: "disk", size: 1, fstype: "crypto_LUKS", uuid: "1" },
    ],
  }),
};
