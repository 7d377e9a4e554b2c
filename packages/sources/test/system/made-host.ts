/** A small Debian system in a folder, with changes as an administrator makes them: the machine that tests protect. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Programs } from "../../src/programs/programs.ts";
import { makeBlankRoot } from "../../src/system/proof/blank-root.ts";

/** What all of these tests need. */
const NEEDED = ["mmdebstrap", "unshare", "setpriv", "chroot", "tar"];

/** Whether systems can be made here. */
export function canMakeSystems(): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const isThere = (program: string): boolean => folders.some((folder) => existsSync(join(folder, program)));
  return process.getuid?.() === 0 && NEEDED.every(isThere);
}

/** Makes a tar file of a blank system, in the way in which a proof makes one. @returns what has made it */
export async function makeBase(file: string, temporary: string): Promise<string> {
  const root = join(temporary, "blank");
  const made = await makeBlankRoot({
    programs: new Programs({ source: "test", environment: process.env }),
    path: process.env["PATH"] ?? "",
    source: "test",
    root,
    temporary,
    codename: "bookworm",
    base: undefined,
    mirror: "http://deb.debian.org/debian",
    signal: new AbortController().signal,
  });
  execFileSync("tar", ["-c", "--numeric-owner", "-C", root, "-f", file, "."]);
  execFileSync("rm", ["-rf", root]);
  return made;
}

export function unpack(base: string, root: string): void {
  mkdirSync(root, { recursive: true });
  execFileSync("tar", ["-x", "--numeric-owner", "--same-permissions", "-C", root, "-f", base]);
}

/** Runs a shell script in a system, in namespaces of its own. */
export function inSystem(root: string, script: string): string {
  const enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -euc "$1"';
  const spaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
  return execFileSync("unshare", [...spaces, "--", "sh", "-c", enter, root, script], {
    encoding: "utf8",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What an administrator has done since the installation. */
const CHANGES = String.raw`
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
groupadd -g 1600 team
groupadd -g 777 crontab
useradd -u 1500 -g team -m -s /bin/bash -c 'Alice Example' alice
useradd -u 1501 -m -s /bin/sh bob
usermod -p '$6$salt$abcdefghijklmnop' alice
find / -xdev -uid 42 > /tmp/apt-files
usermod -u 4242 _apt; xargs -r chown -h 4242 < /tmp/apt-files; rm /tmp/apt-files
useradd -r -u 42 -g nogroup -d /opt/app -s /usr/sbin/nologin appd
dpkg-statoverride --add root team 0750 /usr/bin/rsync
apt-get install -qq -y --no-install-recommends cron rsync > /dev/null 2>&1
apt-mark hold rsync > /dev/null
apt-mark auto rsync > /dev/null
rm /usr/sbin/policy-rc.d
rm /etc/systemd/system/timers.target.wants/fstrim.timer /etc/rc5.d/S??cron

printf 'LABEL=root / ext4 defaults 0 1\n' > /etc/fstab
printf '0123456789abcdef0123456789abcdef\n' > /etc/machine-id
printf 'shop\n' > /etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 shop\n' > /etc/hosts
printf 'READ_ENV="no"\n' >> /etc/default/cron
rm /etc/logrotate.d/apt
mkdir -p /etc/app /etc/ssh /etc/network /opt/app /usr/share/app /root/.ssh /root/.cache
printf 'iface eth0 inet dhcp\n' > /etc/network/interfaces
printf -- '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n' > /etc/app/tls.any
mkdir /etc/openvpn; printf -- '-----BEGIN OpenVPN Static key V1-----\n00\n' > /etc/openvpn/static.any
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nhost\n' > /etc/ssh/ssh_host_ed25519_key
printf 'DB_PASSWORD=secret\n' > /opt/app/.env
printf 'key\n' > /root/.ssh/id_ed25519
printf 'large\n' > /root/.cache/left-out
chmod 600 /etc/app/tls.any /etc/ssh/ssh_host_ed25519_key /opt/app/.env /root/.ssh/id_ed25519
chown -R appd:team /opt/app
printf '#!/bin/sh\necho app\n' > /usr/local/bin/app; chmod 755 /usr/local/bin/app
printf 'data of no package\n' > /usr/share/app/data
printf 'changed\n' >> /usr/share/common-licenses/BSD
ln -s /usr/local/bin/app /usr/bin/app-link
dpkg-divert --quiet --local --rename --add --divert /usr/bin/who.real /usr/bin/who 2> /dev/null
printf '#!/bin/sh\necho me\n' > /usr/bin/who; chmod 755 /usr/bin/who
printf '[Unit]\nDescription=App\n[Service]\nExecStart=/usr/local/bin/app\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/app.service
printf '[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n' > /etc/systemd/system/app.timer
mkdir -p /etc/systemd/system/timers.target.wants
ln -s /etc/systemd/system/app.service /etc/systemd/system/multi-user.target.wants/app.service
ln -s /etc/systemd/system/app.timer /etc/systemd/system/timers.target.wants/app.timer
ln -s /dev/null /etc/systemd/system/apt-daily.timer
printf '5 4 * * * root /usr/local/bin/app\n' > /etc/cron.d/app
printf '1 2 * * * /usr/local/bin/app --password=hunter2\n' > /var/spool/cron/crontabs/alice
chown alice:crontab /var/spool/cron/crontabs/alice; chmod 600 /var/spool/cron/crontabs/alice
`;

export function makeHost(base: string, root: string): void {
  unpack(base, root);
  inSystem(root, CHANGES);
}
