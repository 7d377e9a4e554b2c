/** A system as entries of a snapshot: the report, the files, and the list of what is secret in them. */
import { posix } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { captureFolder } from "../../contract/capture-folder.ts";
import type { CaptureFacts } from "../../contract/facts.ts";
import type { Capture, SourceWarning } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type LocalFiles, findLocalFiles } from "../debian/local-files.ts";
import { type DebianPackage, readPackages } from "../debian/packages.ts";
import { keyFiles, readRepositories } from "../debian/repositories.ts";
import type { Inspection } from "../host/inspection.ts";
import type { SystemSettings } from "../settings.ts";
import { TOPICS } from "../topics/all-topics.ts";
import { type Report, collectReport } from "../topics/collect.ts";
import { joinLines } from "../topics/normalise.ts";
import { CONFFILES, LOCAL_FILES, REPORT, SECRETS } from "./layout.ts";
import { osFacts } from "./os-facts.ts";
import { type DiskBeginning, readDiskBeginnings } from "./disk-beginnings.ts";
import { FILES, type FilesPlan, planFiles } from "./plan-files.ts";
import type { SecretEntry } from "./secret-files.ts";

export interface SystemCapture {
  readonly name: string;
  /** For messages. */
  readonly source: string;
  readonly settings: SystemSettings;
  readonly inspection: Inspection;
  readonly onWarning: (warning: SourceWarning) => void;
}

/** @throws SOURCES_SETTINGS, SOURCES_EMPTY when the system has no packages, and what reading files throws */
export async function captureSystem(parts: SystemCapture): Promise<Capture> {
  const { name, settings, inspection, onWarning } = parts;
  const consistentAt = new Date().toISOString();
  const at = captureFolder("system", name);
  const packages = await requireSystem(parts);
  const report = await collectReport(TOPICS, inspection, onWarning);
  const stored = packages === undefined ? [] : await addLocalFiles(parts, report, packages);
  const disks = await readDiskBeginnings(inspection, onWarning);
  const paths = [...settings.paths, ...stored, ...keyFiles(await readRepositories(inspection.files))];
  const excludes = settings.exclude;
  const plan = await planFiles(inspection.files, { paths, excludes, at, signal: inspection.signal });
  return {
    paths: [at],
    entries: entriesOf(at, { report, disks, plan }),
    rules: plan.rules,
    facts: (): CaptureFacts => ({
      consistentAt,
      // Files are read while the system works.
      consistency: "none",
      tools: {},
      server: osFacts(report),
      position: {},
      detail: {
        installedBytes: (packages ?? []).reduce((sum, { installedKib }) => sum + installedKib * 1024, 0),
        root: settings.root,
        paths: settings.paths,
        exclude: settings.exclude,
        report: [...report.keys()],
      },
    }),
    close: async () => {},
  };
}

/** @returns its Debian packages; `undefined` for a system of another kind */
async function requireSystem({
  source,
  settings: { root },
  inspection: { files },
  onWarning,
}: SystemCapture): Promise<readonly DebianPackage[] | undefined> {
  const release = (await files.text("/etc/os-release")) ?? (await files.text("/usr/lib/os-release"));
  const packages = await readPackages(files);
  if (release === undefined && packages === undefined) {
    throw sourcesError("SOURCES_SETTINGS", { source, reason: `there is no Linux system in ${root}` });
  }
  if (packages?.length === 0) {
    throw sourcesError("SOURCES_EMPTY", { source, actual: "a system without packages", expected: "one" });
  }
  const unfinished = (packages ?? []).filter(({ status }) => !["installed", "config-files"].includes(status));
  if (unfinished.length > 0) {
    const names = unfinished.slice(0, 5).map(({ name, status }) => `${name} (${status})`);
    const message = `${unfinished.length} packages are not fully installed, as ${names.join(", ")}: was apt at work?`;
    onWarning({ code: "packages-unfinished", message });
  }
  return packages;
}

/** Puts what was found into the report. @returns paths to be stored besides those of the settings */
async function addLocalFiles(
  { settings, inspection, onWarning }: SystemCapture,
  report: Map<string, string>,
  packages: readonly DebianPackage[],
): Promise<string[]> {
  const found = await findLocalFiles(inspection.files, packages, {
    how: settings["package-files"],
    timeLimitMs: settings["package-files-time-limit"],
    signal: inspection.signal,
  });
  report.set(CONFFILES, joinLines(found.conffiles));
  report.set(LOCAL_FILES, joinLines(found.others));
  if (found.uncompared > 0 || found.isCutShort) {
    const message = `${found.uncompared} files of packages were not compared${found.isCutShort ? ", and not all of /usr was searched" : ""}, as time was up: raise package-files-time-limit`;
    onWarning({ code: "package-files-late", message });
  }
  return withinSize(found, settings["package-files-size"], onWarning);
}

/** The smaller ones first, so that one large file does not keep all others out. */
function withinSize({ stored }: LocalFiles, limitBytes: number, onWarning: (warning: SourceWarning) => void): string[] {
  const kept: string[] = [];
  const left: string[] = [];
  let total = 0;
  for (const { path, sizeBytes } of [...stored].sort((a, b) => a.sizeBytes - b.sizeBytes)) {
    const fits = total + sizeBytes <= limitBytes;
    if (fits) total += sizeBytes;
    (fits ? kept : left).push(path);
  }
  if (left.length > 0) {
    const message = `${left.length} files and folders of /usr that no package brings are not stored, as they are larger than package-files-size: ${left.slice(0, 5).join(", ")}`;
    onWarning({ code: "package-files-large", message });
  }
  return kept;
}

interface Parts {
  readonly report: Report;
  readonly disks: readonly DiskBeginning[];
  readonly plan: FilesPlan;
}

async function* entriesOf(at: string, { report, disks, plan }: Parts): AsyncGenerator<GivenEntry> {
  const secretTopics = new Map(TOPICS.flatMap(({ file, secret }) => (secret === undefined ? [] : [[file, secret]])));
  const secrets: SecretEntry[] = [...plan.secrets];
  const give = (file: string, bytes: Uint8Array, why?: string): GivenEntry => {
    if (why !== undefined) secrets.push({ path: file, why });
    return { kind: "file", path: posix.join(at, file), content: once(bytes), mode: why === undefined ? 0o644 : 0o600 };
  };
  for (const [file, text] of report) {
    yield give(posix.join(REPORT, file), Buffer.from(text), secretTopics.get(file));
  }
  for (const { file, bytes, why } of disks) yield give(posix.join(REPORT, file), bytes, why);
  secrets.sort((a, b) => (a.path < b.path ? -1 : 1));
  const list = `${JSON.stringify({ version: 1, secrets }, null, 2)}\n`;
  yield { kind: "file", path: posix.join(at, SECRETS), content: once(Buffer.from(list)), mode: 0o600 };
  if (plan.entries.length === 0) yield { kind: "folder", path: posix.join(at, FILES) };
  yield* plan.entries;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
