/**
 * Programs in namespaces of their own: what they mount is seen by nobody else, and is gone with the last of them, also when this
 * process is killed.
 */
import type { ProgramCall } from "../../programs/programs.ts";

const HOW = "Install the package util-linux.";

/** @param words a program and its arguments */
export function inNamespaces(words: readonly string[]): Pick<ProgramCall, "tool" | "args" | "how"> {
  // unshare holds back the signal that asks it to end, so it gets the one that it cannot: with it all processes in there end.
  const ending = ["--pdeathsig", "KILL", "--"];
  const spaces = [
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "--mount-proc",
    "--uts",
    "--ipc",
  ];
  return { tool: "setpriv", args: [...ending, "unshare", ...spaces, "--", ...words], how: HOW };
}

/**
 * What packages need of root. The scripts that run were chosen by whoever made the capture, which may be a machine that somebody else
 * has taken over: they must not get out of the root, at devices, or at the kernel.
 */
const CAPABILITIES = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "setfcap",
  "net_bind_service",
  "audit_write",
];
const BOUNDED = ["-all", ...CAPABILITIES.map((name) => `+${name}`)].join(",");

/**
 * Enters a root with the file systems that programs need: no device of this machine but those without content, and of the kernel's
 * settings none that could be changed. dpkg need not wait for disks: nothing of it is to outlive a crash.
 */
const ENTER = String.raw`
set -eu
root=$1 rebuild=$2 bounded=$3
shift 3
mount -t proc proc "$root/proc"
for path in sys sysrq-trigger irq bus fs; do
  [ -e "$root/proc/$path" ] || continue
  mount --bind "$root/proc/$path" "$root/proc/$path"
  mount -o remount,bind,ro "$root/proc/$path"
done
mount -t tmpfs -o mode=755,size=16m tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mkdir -p "$root/holdfast-rebuild"
mount --bind "$rebuild" "$root/holdfast-rebuild"
exec chroot "$root" /usr/bin/setpriv --bounding-set=$bounded -- /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DPKG_FORCE=unsafe-io "$@"
`;

/** @param proxies variables for programs that load from the network @param words a program in the root, and its arguments */
export function inRoot(
  { root, rebuild, proxies }: { root: string; rebuild: string; proxies: readonly string[] },
  words: readonly string[],
): Pick<ProgramCall, "tool" | "args" | "how"> {
  return inNamespaces(["/bin/sh", "-c", ENTER, "sh", root, rebuild, BOUNDED, ...proxies, ...words]);
}

/** Variables of the environment that lead to the network, as words for `env`. */
export function proxyVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  return ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => {
    const value = environment[name] ?? environment[name.toUpperCase()];
    return value === undefined ? [] : [`${name}=${value}`];
  });
}
