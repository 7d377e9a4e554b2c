/** Topics about what runs by itself: units, timers, crontabs. */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { Inspection } from "../host/inspection.ts";
import { joinLines, linesOf, withoutComments } from "./normalise.ts";
import type { Topic } from "./topic.ts";
import { readUnitLinks, readUnits, sectionOf } from "./units.ts";

export const UNITS = "units.txt";
export const UNIT_LINKS = "unit-links.txt";
export const CRONTABS = "crontabs.txt";

const SYSTEMD = "/etc/systemd/system";
const CRON_FOLDERS = ["/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"];
/** Of Debian, and of others. */
const USER_CRONTABS = ["/var/spool/cron/crontabs", "/var/spool/cron"];

export const SERVICE_TOPICS: readonly Topic[] = [
  { file: UNITS, about: "units and whether they are enabled", reads: { look: units }, isVital: true },
  { file: UNIT_LINKS, about: "links that have units started", reads: { look: unitLinks }, isVital: true },
  {
    file: "unit-changes.txt",
    about: "own units, and changes of others, by hash",
    reads: { look: unitChanges },
    isVital: true,
  },
  {
    file: "sysv-links.txt",
    about: "services of System V that are started",
    reads: { look: sysvLinks },
    isVital: false,
  },
  {
    file: "timers.txt",
    about: "timers that are enabled, and when they elapse",
    reads: { look: timers },
    isVital: true,
  },
  {
    file: CRONTABS,
    about: "lines of all crontabs, and scripts that cron runs",
    reads: { look: crontabs },
    secret: "command lines of users may hold passwords",
    isVital: true,
  },
];

async function units({ files }: Inspection): Promise<string> {
  return joinLines((await readUnits(files)).map(({ name, state }) => `${name} ${state}`));
}

async function unitLinks({ files }: Inspection): Promise<string> {
  return joinLines((await readUnitLinks(files)).map(({ name, target }) => `${name} ${target}`));
}

async function unitChanges({ files }: Inspection): Promise<string> {
  const lines: string[] = [];
  const add = async (path: string): Promise<void> => {
    if ((await files.link(path)) !== undefined) return;
    const bytes = await files.bytes(path);
    if (bytes !== undefined) lines.push(`${path} ${createHash("sha256").update(bytes).digest("hex")}`);
  };
  for (const name of await files.names(SYSTEMD)) {
    await add(posix.join(SYSTEMD, name));
    if (!name.endsWith(".d")) continue;
    for (const part of await files.names(posix.join(SYSTEMD, name))) await add(posix.join(SYSTEMD, name, part));
  }
  return joinLines(lines);
}

async function sysvLinks({ files }: Inspection): Promise<string> {
  const lines: string[] = [];
  for (const level of ["2", "3", "4", "5", "S"]) {
    for (const name of await files.names(`/etc/rc${level}.d`))
      if (name.startsWith("S")) lines.push(`rc${level}.d/${name}`);
  }
  return joinLines(lines);
}

async function timers({ files }: Inspection): Promise<string> {
  const lines: string[] = [];
  for (const { name, state, path } of await readUnits(files)) {
    if (!name.endsWith(".timer") || !["enabled", "static"].includes(state) || path === undefined) continue;
    const parts = [path];
    for (const part of await files.names(`${SYSTEMD}/${name}.d`)) parts.push(`${SYSTEMD}/${name}.d/${part}`);
    for (const part of parts) {
      for (const [key, value] of sectionOf((await files.text(part)) ?? "", "Timer")) {
        if (/^On|^Unit$|^Persistent$/.test(key)) lines.push(`${name} ${state} ${key}=${value}`);
      }
    }
  }
  return joinLines(lines);
}

async function crontabs({ files }: Inspection): Promise<string> {
  const paths = ["/etc/crontab", "/etc/anacrontab"];
  for (const folder of ["/etc/cron.d", ...USER_CRONTABS]) {
    for (const name of await files.names(folder)) paths.push(posix.join(folder, name));
  }
  const lines: string[] = [];
  for (const path of paths) {
    const text = withoutComments((await files.text(path)) ?? "");
    lines.push(...linesOf(text).map((line) => `${path}: ${line}`));
  }
  for (const folder of CRON_FOLDERS) {
    for (const name of await files.names(folder)) if (!name.startsWith(".")) lines.push(`${folder}/${name}`);
  }
  return joinLines(lines);
}
