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
 * Enters a root with the file systems that programs need: no device of this machine but those without content. dpkg need not wait for
 * disks: nothing of it is to outlive a crash.
 */
const ENTER = String.raw`
set -eu
root=$1 rebuild=$2
shift 2
mount -t proc proc "$root/proc"
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
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DPKG_FORCE=unsafe-io "$@"
`;

/** @param proxies variables for programs that load from the network @param words a program in the root, and its arguments */
export function inRoot(
  { root, rebuild, proxies }: { root: string; rebuild: string; proxies: readonly string[] },
  words: readonly string[],
): Pick<ProgramCall, "tool" | "args" | "how"> {
  return inNamespaces(["/bin/sh", "-c", ENTER, "sh", root, rebuild, ...proxies, ...words]);
}

/** Variables of the environment that lead to the network, as words for `env`. */
export function proxyVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  return ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => {
    const value = environment[name] ?? environment[name.toUpperCase()];
    return value === undefined ? [] : [`${name}=${value}`];
  });
}
