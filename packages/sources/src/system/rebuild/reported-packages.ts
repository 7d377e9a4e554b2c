/** Packages as a report lists them. */
import type { Report } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";
import { PACKAGES } from "../topics/software.ts";

/** One package of the report. */
export interface ReportedPackage {
  readonly name: string;
  readonly arch: string;
  readonly version: string;
}

/** Packages of the report that are there to be used. */
export function installedPackages(report: Report): ReportedPackage[] {
  return linesOf(report.get(PACKAGES) ?? "").flatMap((line) => {
    const [name = "", arch = "", version = "", status] = line.split(" ");
    return status === "config-files" || version === "" ? [] : [{ name, arch, version }];
  });
}

/** Whether the settings name this package, with or without its architecture. */
export function isWithout(without: readonly string[], name: string, arch: string): boolean {
  return without.includes(name) || without.includes(`${name}:${arch}`);
}
