/** Topics about how a machine starts, what it is made of, and how its kernel is set. */
import { posix } from "node:path";
import type { Inspection } from "../host/inspection.ts";
import { joinLines, linesOf, sortLines, stableJson, withoutComments, withoutLines } from "./normalise.ts";
import type { Topic } from "./topic.ts";

const HARDWARE = "hardware.txt";
const BOOT_FILES = "boot-files.txt";

/** Settings of the kernel that count, or are drawn anew at each start. */
const VOLATILE_SETTINGS = withoutLines(
  /^fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\.)/,
  /^fs\.binfmt_misc/,
  /^kernel\.(random\.|ns_last_pid|pty\.nr|sched_domain\.|perf_event_max_sample_rate|tainted|spl\.)/,
  /^net\.netfilter\.nf_conntrack_count/,
  /^net\.ipv4\.tcp_fastopen_key/,
  /^net\.ipv6\.conf\.[^ ]+\.stable_secret/,
  /^vm\.(stat|drop_caches)/,
  /^(dev\.cdrom|sunrpc)\./,
);

export const MACHINE_TOPICS: readonly Topic[] = [
  {
    file: "boot-entries.txt",
    about: "what the firmware may start",
    reads: { command: ["efibootmgr", "-v"], normalise: withoutLines(/^BootCurrent/) },
    isVital: false,
  },
  {
    file: "secure-boot.txt",
    about: "whether Secure Boot is on",
    reads: { command: ["mokutil", "--sb-state"], good: [0, 1, 255] },
    isVital: false,
  },
  {
    file: "kernel-command-line.txt",
    about: "with which options the kernel was started",
    reads: { look: (seen) => live(seen, "/proc/cmdline"), isLiveOnly: true },
    isVital: true,
  },
  { file: BOOT_FILES, about: "kernels and other files to start from", reads: { look: bootFiles }, isVital: false },
  {
    file: "kernel.txt",
    about: "the kernel that runs",
    reads: { look: (seen) => live(seen, "/proc/sys/kernel/osrelease"), isLiveOnly: true },
    isVital: true,
  },
  {
    file: HARDWARE,
    about: "what the firmware tells of the hardware",
    reads: { command: ["dmidecode", "--quiet"], normalise: withoutLines(/^\s*(Current Speed|Last Modified)/) },
    isVital: false,
  },
  {
    file: "processors.json",
    about: "processors",
    reads: { command: ["lscpu", "-J"], normalise: processors },
    isVital: false,
  },
  { file: "memory.txt", about: "memory", reads: { look: memory, isLiveOnly: true }, isVital: false },
  { file: "pci.txt", about: "PCI devices and their drivers", reads: { command: ["lspci", "-nnk"] }, isVital: false },
  {
    file: "usb.txt",
    about: "USB devices",
    reads: { command: ["lsusb"], normalise: (text) => sortLines(text.replaceAll(/^Bus \d+ Device \d+: /gm, "")) },
    isVital: false,
  },
  {
    file: "kernel-settings.txt",
    about: "settings of the kernel",
    reads: { command: ["sysctl", "--all"], normalise: (text) => VOLATILE_SETTINGS(sortLines(text)) },
    isVital: false,
  },
  {
    file: "kernel-modules.txt",
    about: "modules that are loaded",
    reads: { look: modules, isLiveOnly: true },
    isVital: false,
  },
  {
    file: "locale.txt",
    about: "languages and keyboard",
    reads: {
      files: [
        "/etc/default/locale",
        "/etc/locale.conf",
        "/etc/locale.gen",
        "/etc/default/keyboard",
        "/etc/vconsole.conf",
      ],
      normalise: withoutComments,
    },
    isVital: false,
  },
  { file: "time-zone.txt", about: "the time zone", reads: { look: timeZone }, isVital: false },
  {
    file: "selinux.txt",
    about: "SELinux",
    reads: { files: ["/etc/selinux/config"], normalise: withoutComments },
    isVital: false,
  },
  {
    file: "apparmor.txt",
    about: "profiles of AppArmor that are loaded",
    reads: { look: apparmor, isLiveOnly: true },
    isVital: false,
  },
];

async function live({ files }: Inspection, path: string): Promise<string | undefined> {
  const text = await files.text(path);
  return text === undefined ? undefined : `${text.trim()}\n`;
}

async function bootFiles({ files }: Inspection): Promise<string> {
  const lines: string[] = [];
  const walk = async (folder: string, depth: number): Promise<void> => {
    for (const name of await files.names(folder)) {
      const path = posix.join(folder, name);
      const stat = await files.stat(path);
      // GRUB's own modules and languages come with it.
      if (stat?.isDirectory() === true && depth < 4 && !/\/(locale|fonts|i386-pc|x86_64-efi|lost\+found)$/.test(path))
        await walk(path, depth + 1);
      else if (stat?.isFile() === true) lines.push(`${path} ${stat.size}`);
    }
  };
  await walk("/boot", 1);
  return joinLines(lines);
}

/** Without the speed that the processors have just now. */
function processors(text: string): string {
  const { lscpu } = JSON.parse(text) as { lscpu: { field: string }[] };
  const kept = lscpu.filter(({ field }) => !/MHz|BogoMIPS/i.test(field));
  return stableJson(JSON.stringify({ lscpu: kept }), () => false);
}

async function memory({ files }: Inspection): Promise<string> {
  const total = /^MemTotal:\s*(\d+) kB/m.exec((await files.text("/proc/meminfo")) ?? "");
  return total === null ? "" : `${total[1]} KiB\n`;
}

async function modules({ files }: Inspection): Promise<string> {
  return joinLines(
    linesOf((await files.text("/proc/modules")) ?? "")
      .map((line) => line.split(" ")[0] as string)
      .sort(),
  );
}

async function timeZone({ files }: Inspection): Promise<string> {
  const target = await files.link("/etc/localtime");
  const zone = target?.replace(/^.*\/zoneinfo\//, "") ?? (await files.text("/etc/timezone"))?.trim() ?? "UTC";
  return `${zone}\n`;
}

async function apparmor({ files }: Inspection): Promise<string | undefined> {
  const text = await files.text("/sys/kernel/security/apparmor/profiles");
  return text === undefined ? undefined : sortLines(text);
}
