/** Writes the folder of a rebuild. */
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { REPORT } from "../capture/layout.ts";
import { osValue } from "../capture/os-facts.ts";
import { FILES } from "../capture/plan-files.ts";
import { readReport } from "../capture/read-report.ts";
import { SystemFiles } from "../host/system-files.ts";
import type { Report } from "../topics/collect.ts";
import { OS, PACKAGES } from "../topics/software.ts";
import { type PathsByClass, classifyFiles } from "./captured-files.ts";
import { oneLine } from "./one-line.ts";
import { planRebuild } from "./plan-rebuild.ts";
import { type ReportedPackage, installedPackages } from "./reported-packages.ts";

/** What lies in the folder. */
const PARTS = [FILES, REPORT, "data", "layout.json", "remaining.txt", "rebuild.sh"];

export interface WrittenRebuild {
  readonly report: Report;
  readonly paths: PathsByClass;
  readonly remaining: readonly string[];
}

export interface RebuildOptions extends CallOptions {
  /** For messages. */
  readonly source: string;
  readonly without: readonly string[];
}

/**
 * @param folder is there, and empty, or holds an earlier rebuild, which is replaced
 * @throws SOURCES_UNSUPPORTED for a system of other packages than Debian's, SOURCES_DAMAGED, SOURCES_NO_ROOM
 */
export async function writeRebuild(
  captured: CapturedTree,
  folder: string,
  { source, without, signal }: RebuildOptions,
): Promise<WrittenRebuild> {
  const report = await readReport(captured, { signal });
  requireDebian(report, source);
  requireSoundNames(report);
  // Of an earlier rebuild nothing may stay: its files would pass for those of this one.
  for (const name of PARTS) await rm(join(folder, name), { recursive: true, force: true });
  // For its owner only: it will hold hashes of passwords.
  await chmod(folder, 0o700);
  await captured.extract(REPORT, join(folder, REPORT), { signal });
  await captured.extract(FILES, join(folder, FILES), { signal });
  const paths = classifyFiles(join(folder, FILES));
  // A link among the captured files must not lead to the files of this machine.
  const captive = new SystemFiles(join(folder, FILES));
  const [shadow, gshadow] = await Promise.all(["/etc/shadow", "/etc/gshadow"].map((path) => captive.text(path)));
  const plan = planRebuild({ report, facts: captured.facts, paths, secrets: { shadow, gshadow }, without });
  for (const [name, content] of plan.files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content, { mode: name.endsWith(".sh") ? 0o700 : 0o600, flag: "wx" });
  }
  return { report, paths, remaining: plan.remaining };
}

function requireDebian(report: Report, source: string): void {
  const reason =
    report.get(PACKAGES) === undefined
      ? "only systems of Debian packages can be rebuilt so far; the report and the files of this one can be restored"
      : ["ARCHITECTURE", "VERSION_CODENAME"].some((name) => osValue(report, name) === "")
        ? "its report does not say which release and architecture it was"
        : undefined;
  if (reason !== undefined) throw sourcesError("SOURCES_UNSUPPORTED", { source, what: "a rebuild", reason });
}

/** They become words of commands, also of the one that makes a blank system. @throws SOURCES_DAMAGED */
function requireSoundNames(report: Report): void {
  for (const name of ["ARCHITECTURE", "VERSION_CODENAME"]) {
    const value = osValue(report, name);
    if (/^[a-z0-9][a-z0-9.-]*$/.test(value)) continue;
    throw sourcesError("SOURCES_DAMAGED", { what: `${REPORT}/${OS}`, reason: `'${oneLine(value)}' is no ${name}` });
  }
  const isSound = ({ name, arch, version }: ReportedPackage): boolean =>
    /^[a-z0-9][a-z0-9+.-]*$/.test(name) &&
    /^[a-z0-9][a-z0-9-]*$/.test(arch) &&
    /^[0-9A-Za-z][0-9A-Za-z.+~:-]*$/.test(version);
  const wrong = installedPackages(report).find((each) => !isSound(each));
  if (wrong === undefined) return;
  throw sourcesError("SOURCES_DAMAGED", {
    what: `${REPORT}/${PACKAGES}`,
    reason: `'${oneLine(wrong.name)}' is no package`,
  });
}
