/** Compares what a rebuilt system has with what the report says: packages, marks, users, services. */
import type { Seen } from "../../proofs/look-at.ts";
import { installedPackages, isWithout } from "../rebuild/reported-packages.ts";
import { isBootPackage } from "../rebuild/path-classes.ts";
import type { Report } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";
import { UNITS } from "../topics/services.ts";
import { MANUAL } from "../topics/software.ts";

const SHOWN = 5;

export interface Sides {
  readonly wanted: Report;
  readonly rebuilt: Report;
  /** Packages that nobody asked the rebuild for. */
  readonly without: readonly string[];
  /** `name arch` of packages of which no repository has the wanted version, as the rebuild said. */
  readonly otherVersion: ReadonlySet<string>;
}

export function comparePackages({ wanted, rebuilt, without }: Sides): Seen {
  const all = installedPackages(wanted);
  const asked = all.filter(({ name, arch }) => !isBootPackage(name) && !isWithout(without, name, arch));
  const there = new Set(installedPackages(rebuilt).map(({ name, arch }) => `${name} ${arch}`));
  const missing = asked.map(({ name, arch }) => `${name} ${arch}`).filter((each) => !there.has(each));
  const left = all.length - asked.length;
  const more = there.size - (asked.length - missing.length);
  const notes = [
    left > 0 ? `not compared: ${left} that start the machine or are left to a person` : "",
    more > 0 ? `${more} more that the blank system had or others need` : "",
  ];
  return judge(
    "packages",
    asked.length,
    missing.map((each) => `${each} is missing`),
    notes,
  );
}

export function compareVersions({ wanted, rebuilt, otherVersion }: Sides): Seen {
  const there = new Map(installedPackages(rebuilt).map(({ name, arch, version }) => [`${name} ${arch}`, version]));
  const common = installedPackages(wanted).filter(({ name, arch }) => there.has(`${name} ${arch}`));
  const differing = common.filter(({ name, arch, version }) => there.get(`${name} ${arch}`) !== version);
  const gone = differing.filter(({ name, arch }) => otherVersion.has(`${name} ${arch}`));
  const wrong = differing.filter(({ name, arch }) => !otherVersion.has(`${name} ${arch}`));
  const shown = gone
    .slice(0, SHOWN)
    .map(({ name, arch, version }) => `${name} ${version} became ${there.get(`${name} ${arch}`)}`);
  const notes =
    gone.length === 0
      ? []
      : [`${gone.length} of another version, as no repository has theirs any more: ${shown.join("; ")}`];
  const words = wrong.map(({ name, arch, version }) => `${name} is ${there.get(`${name} ${arch}`)}, was ${version}`);
  return judge("versions", common.length - gone.length, words, notes);
}

export function compareMarks({ wanted, rebuilt }: Sides): Seen {
  const there = new Set(installedPackages(rebuilt).map(({ name, arch }) => `${name} ${arch}`));
  const before = new Set(linesOf(wanted.get(MANUAL) ?? "").filter((line) => there.has(line)));
  const known = new Set(installedPackages(wanted).map(({ name, arch }) => `${name} ${arch}`));
  const after = new Set(linesOf(rebuilt.get(MANUAL) ?? ""));
  const wrong = [
    ...[...before].filter((line) => !after.has(line)).map((line) => `${line} is not marked`),
    ...[...after].filter((line) => known.has(line) && !before.has(line)).map((line) => `${line} is marked`),
  ];
  return judge("packages that were asked for", before.size, wrong, []);
}

/** Lines of accounts by their names. What only the blank system had is said, and is no difference. */
export function compareAccounts(file: string, what: string, { wanted, rebuilt }: Sides): Seen {
  const before = byName(wanted.get(file) ?? "");
  const after = byName(rebuilt.get(file) ?? "");
  const wrong: string[] = [];
  for (const [name, line] of before) {
    const found = after.get(name);
    if (found === undefined) wrong.push(`${name} is not there`);
    else if (withKnownState(line, found) !== found) wrong.push(`${name} is ${found}, was ${line}`);
  }
  const more = [...after.keys()].filter((name) => !before.has(name));
  return judge(
    what,
    before.size,
    wrong,
    more.length === 0 ? [] : [`${more.length} more: ${more.slice(0, SHOWN).join(", ")}`],
  );
}

/** Whether units are enabled as they were. Those of packages that were left to a person cannot be there. */
export function compareUnits({ wanted, rebuilt, without }: Sides): Seen {
  const after = new Map(linesOf(rebuilt.get(UNITS) ?? "").map((line) => [line.split(" ")[0], line]));
  const before = linesOf(wanted.get(UNITS) ?? "");
  const left = installedPackages(wanted).some(
    ({ name, arch }) => isBootPackage(name) || isWithout(without, name, arch),
  );
  const absent = before.filter((line) => !after.has(line.split(" ")[0]));
  const wrong = before.flatMap((line) => {
    const found = after.get(line.split(" ")[0]);
    return found === undefined || found === line ? [] : [`${found}, was ${line}`];
  });
  if (!left) wrong.push(...absent.map((line) => `not there: ${line}`));
  const notes = left && absent.length > 0 ? [`not compared: ${absent.length}, as packages were left to a person`] : [];
  return judge("units", before.length - (left ? absent.length : 0), wrong, notes);
}

/** Every line of a topic is there again; more may be. */
export function compareLines(file: string, what: string, { wanted, rebuilt }: Sides): Seen {
  const after = new Set(linesOf(rebuilt.get(file) ?? ""));
  const before = linesOf(wanted.get(file) ?? "");
  return judge(
    what,
    before.length,
    before.filter((line) => !after.has(line)).map((line) => `not there: ${line}`),
    [],
  );
}

/** `10 packages`, or what differs and how many there should be. */
export function judge(what: string, count: number, wrong: readonly string[], notes: readonly string[]): Seen {
  const said = notes.filter((note) => note !== "");
  if (wrong.length === 0) return { passed: true, detail: [`${count} ${what} as in the report`, ...said].join("; ") };
  const more = wrong.length > SHOWN ? ` (and ${wrong.length - SHOWN} more)` : "";
  const first = `${wrong.length} of ${count} ${what} differ: ${wrong.slice(0, SHOWN).join("; ")}${more}`;
  return { passed: false, detail: [first, ...said].join("; ") };
}

function byName(text: string): Map<string, string> {
  return new Map(linesOf(text).map((line) => [line.split(":")[0] as string, line]));
}

/** Whether a password was there cannot be known by everybody who captures; then any state will do. */
function withKnownState(line: string, found: string): string {
  const fields = line.split(":");
  if (fields[1] === "unknown") fields[1] = found.split(":")[1] as string;
  return fields.join(":");
}
