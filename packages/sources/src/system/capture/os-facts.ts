/** Which system it is, as its report says. */
import { OS } from "../topics/software.ts";
import type { Report } from "../topics/collect.ts";

export interface OsFacts {
  readonly product: string;
  readonly version: string;
}

/** A value of `os.txt`; empty when it has none. */
export function osValue(report: Report, name: string): string {
  const line = (report.get(OS) ?? "").split("\n").find((each) => each.startsWith(`${name}=`));
  return line === undefined ? "" : line.slice(name.length + 1).replace(/^(["'])(.*)\1$/, "$2");
}

export function osFacts(report: Report): OsFacts {
  const version = osValue(report, "DEBIAN_VERSION") || osValue(report, "VERSION_ID");
  return { product: osValue(report, "NAME") || "Linux", version };
}
