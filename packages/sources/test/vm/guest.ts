/**
 * A small machine to be protected: a disk that boots by itself (SYSLINUX, Debian's kernel, busybox, the guest agent) and a second one.
 * In it a writer counts: first on the first disk, then on the second. So at any one moment the second is the same or one behind.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { hasProgram } from "@holdfast/storage/testing";
import { closeSync } from "node:fs";

const MIB = 1024 * 1024;
/** Partitions of the first disk: where it boots from, files, and the counter. */
const BOOT = { start: MIB, bytes: 32 * MIB };
const FILES = { start: 33 * MIB, bytes: 32 * MIB };
const COUNTER = { start: 65 * MIB, bytes: MIB };
const FIRST_BYTES = 72 * MIB;
const SECOND_BYTES = 8 * MIB;

const TOOLS = [
  "qemu-system-x86_64",
  "qemu-nbd",
  "qemu-ga",
  "busybox",
  "syslinux",
  "mformat",
  "mkfs.ext4",
  "sfdisk",
  "depmod",
  "cpio",
];

/** Whether the programs are there that make and run it; `npm test` says which are not. */
export const canRunGuests = TOOLS.every((tool) => hasProgram(tool)) && process.getuid?.() === 0;

const MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio_console"];

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/pts /run /var/run /tmp /mnt; mount -t tmpfs tmp /run
for m in $(cat /order); do insmod /lib/modules/$m; done
echo BOOT-OK
mount -t ext4 /dev/vda2 /mnt && cat /mnt/health
for p in /sys/class/virtio-ports/*; do
  [ "$(cat $p/name 2>/dev/null)" = org.qemu.guest_agent.0 ] && qemu-ga -m virtio-serial -p /dev/$(basename $p) -t /run -l /dev/null -d
done
ip link set lo up; ip addr add 10.0.2.15/24 dev eth0 2>/dev/null && ip link set eth0 up && ip route add default via 10.0.2.2 &&
  (while true; do echo PORT-OK | nc -l -p 7 ; done) &
n=0
while [ -f /mnt/work ]; do
  n=$((n+1))
  printf '%-512s' "count $n" | dd of=/dev/vda3 conv=fsync 2>/dev/null
  [ -b /dev/vdb ] && printf '%-512s' "count $n" | dd of=/dev/vdb conv=fsync 2>/dev/null
  dd if=/dev/urandom of=/mnt/w bs=64k count=4 conv=notrunc,fsync 2>/dev/null
  echo "W $n"
  usleep 300000
done
while true; do sleep 1; done
`;

export interface Guest {
  /** A qcow2 image that boots. */
  readonly first: string;
  /** Another, without a file system. */
  readonly second: string;
}

function run(tool: string, args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  return execFileSync(tool, args, { encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], ...options });
}

/** The kernel's package, as it was downloaded, unpacked. */
function kernelFiles(): string {
  const cache = join(tmpdir(), "holdfast-test-kernel");
  if (existsSync(join(cache, "ready"))) return cache;
  const folder = mkdtempSync(join(tmpdir(), "hf-kernel-"));
  const depends = run("apt-cache", ["depends", "linux-image-cloud-amd64"]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1] as string;
  run("apt-get", ["download", "-qq", name], { cwd: folder });
  const [deb] = readdirSync(folder).filter((each) => each.endsWith(".deb"));
  run("dpkg", ["-x", join(folder, deb as string), folder]);
  const [version] = readdirSync(join(folder, "lib/modules"));
  run("depmod", ["-b", folder, version as string]);
  writeFileSync(join(folder, "ready"), "");
  try {
    // At one stroke: another test may do the same.
    run("mv", ["-T", folder, cache]);
  } catch {
    rmSync(folder, { recursive: true, force: true });
  }
  return cache;
}

/** Makes its disks in a folder. @param work whether the writer runs from the beginning */
export function makeGuest(folder: string, { work }: { work: boolean }): Guest {
  mkdirSync(folder, { recursive: true });
  const kernel = kernelFiles();
  const [version] = readdirSync(join(kernel, "lib/modules"));
  const initrd = makeInitrd(join(folder, "initrd"), join(kernel, "lib/modules", version as string));
  const boot = join(folder, "boot.img");
  run("truncate", ["-s", String(BOOT.bytes), boot]);
  run("mformat", [
    "-i",
    boot,
    "-T",
    String(BOOT.bytes / 512),
    "-h",
    "16",
    "-s",
    "63",
    "-H",
    String(BOOT.start / 512),
    "::",
  ]);
  run("mcopy", ["-i", boot, join(kernel, `boot/vmlinuz-${version}`), "::/linux"]);
  run("mcopy", ["-i", boot, initrd, "::/initrd"]);
  const config = join(folder, "syslinux.cfg");
  writeFileSync(
    config,
    "DEFAULT linux\nPROMPT 0\nLABEL linux\n KERNEL /linux\n APPEND initrd=/initrd console=ttyS0 quiet no_timer_check panic=-1\n",
  );
  run("mcopy", ["-i", boot, config, "::/syslinux.cfg"]);
  run("syslinux", ["--install", boot]);
  const files = join(folder, "files.img");
  const seed = join(folder, "seed");
  mkdirSync(seed);
  writeFileSync(join(seed, "health"), "HEALTH-OK\n");
  writeFileSync(join(seed, "w"), Buffer.alloc(256 * 1024));
  if (work) writeFileSync(join(seed, "work"), "");
  run("truncate", ["-s", String(FILES.bytes), files]);
  run("mkfs.ext4", ["-q", "-F", "-d", seed, files]);
  const raw = join(folder, "first.raw");
  run("truncate", ["-s", String(FIRST_BYTES), raw]);
  const line = ({ start, bytes }: typeof BOOT, type: string): string =>
    `start=${start / 512}, size=${bytes / 512}, type=${type}`;
  const table = ["label: dos", `${line(BOOT, "e")}, bootable`, line(FILES, "83"), line(COUNTER, "83"), ""];
  run("sfdisk", ["-q", raw], { input: table.join("\n") });
  const place = (image: string, at: number): string =>
    run("dd", [`if=${image}`, `of=${raw}`, "bs=1M", `seek=${at / MIB}`, "conv=notrunc,sparse", "status=none"]);
  run("dd", ["if=/usr/lib/syslinux/mbr/mbr.bin", `of=${raw}`, "bs=440", "count=1", "conv=notrunc", "status=none"]);
  place(boot, BOOT.start);
  place(files, FILES.start);
  const [first, second] = [join(folder, "first.qcow2"), join(folder, "second.qcow2")];
  run("qemu-img", ["convert", "-O", "qcow2", raw, first]);
  run("qemu-img", ["create", "-q", "-f", "qcow2", second, String(SECOND_BYTES)]);
  for (const each of [boot, files, raw, initrd]) rmSync(each);
  return { first, second };
}

function makeInitrd(path: string, modules: string): string {
  const root = `${path}.d`;
  for (const each of ["bin", "sbin", "proc", "sys", "dev", "mnt", "lib/modules", "lib64", "run", "tmp", "var", "etc"]) {
    mkdirSync(join(root, each), { recursive: true });
  }
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  const agent = "/usr/sbin/qemu-ga";
  copyFileSync(agent, join(root, "bin/qemu-ga"));
  for (const [library] of run("ldd", [agent]).matchAll(/\/\S+\.so\S*/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  const depends = readFileSync(join(modules, "modules.dep"), "utf8").split("\n");
  const order: string[] = [];
  for (const module of MODULES) {
    const found = depends.find((each) => each.split(":")[0]?.endsWith(`/${module}.ko`));
    // Built in.
    if (found === undefined) continue;
    const [own, needed = ""] = found.split(":");
    for (const each of [...needed.trim().split(" ").reverse(), own as string]) {
      if (each === "" || order.includes(basename(each))) continue;
      copyFileSync(join(modules, each), join(root, "lib/modules", basename(each)));
      order.push(basename(each));
    }
  }
  writeFileSync(join(root, "order"), order.join("\n"));
  writeFileSync(join(root, "init"), INIT);
  chmodSync(join(root, "init"), 0o755);
  run("sh", ["-c", `find . | cpio -o -H newc --quiet | gzip -1 > "$0"`, path], { cwd: root });
  rmSync(root, { recursive: true });
  return path;
}

/** What the writer has counted to, as raw images of both disks show it. */
export function countsOf(first: string, second: string): { first: number; second: number } {
  const read = (path: string, at: number): number => {
    const file = openSync(path, "r");
    try {
      const text = Buffer.alloc(512);
      readSync(file, text, 0, 512, at);
      return Number(/^count (\d+) /.exec(text.toString())?.[1] ?? 0);
    } finally {
      closeSync(file);
    }
  };
  return { first: read(first, COUNTER.start), second: read(second, 0) };
}
