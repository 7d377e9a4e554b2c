/** Proves a rebuild: runs it on a blank Debian system in a folder, and compares what came out with what was captured. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import { limitTime } from "../../content/time-limit.ts";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import type { SourceSurroundings } from "../../contract/surroundings.ts";
import { sourcesError } from "../../errors.ts";
import { requireRoom } from "../../host/room.ts";
import { Programs } from "../../programs/programs.ts";
import { lookAt } from "../../proofs/look-at.ts";
import { osValue } from "../capture/os-facts.ts";
import { FILES } from "../capture/plan-files.ts";
import { Inspection, withAdministration } from "../host/inspection.ts";
import { SystemFiles } from "../host/system-files.ts";
import { type WrittenRebuild, writeRebuild } from "../rebuild/write-rebuild.ts";
import type { SystemSettings } from "../settings.ts";
import { ACCOUNT_TOPICS, GROUPS, USERS } from "../topics/accounts.ts";
import { type Report, collectReport } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";
import { CRONTABS, SERVICE_TOPICS, UNIT_LINKS } from "../topics/services.ts";
import { REPOSITORIES, SOFTWARE_TOPICS } from "../topics/software.ts";
import { makeBlankRoot, mirrorOf } from "./blank-root.ts";
import { compareFiles } from "./compare-files.ts";
import {
  type Sides,
  compareAccounts,
  compareLines,
  compareMarks,
  comparePackages,
  compareUnits,
  compareVersions,
  judge,
} from "./compare-reports.ts";
import { inRoot, proxyVariables } from "./namespaces.ts";

/** The rebuild's own notes, in the rebuilt system. */
const STATE = "var/lib/holdfast-rebuild";
/** A rebuild ends so when packages are missing; the comparison says which. */
const MISSING_PACKAGES = 3;
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  ia32: "i386",
  arm: "armhf",
  ppc64: "ppc64el",
  s390x: "s390x",
  riscv64: "riscv64",
};

export interface SystemProof {
  readonly captured: CapturedTree;
  /** For messages. */
  readonly source: string;
  readonly settings: SystemSettings;
  readonly surroundings: SourceSurroundings;
  readonly options: ProveOptions;
}

/**
 * @throws SOURCES_TOOL_MISSING, SOURCES_UNSUPPORTED without root, for another architecture, and for other packages than Debian's,
 * SOURCES_DAMAGED, SOURCES_NO_ROOM, SOURCES_TOO_LONG
 */
export async function proveSystem(proof: SystemProof): Promise<ProofReport> {
  const { source, settings, options } = proof;
  const limit = { ms: settings.prove["time-limit"], what: "the proof", source, setting: "prove.time-limit" };
  const limited = limitTime(limit, options);
  try {
    return await new Proof(proof, limited.signal).run();
  } finally {
    limited.end();
  }
}

class Proof {
  readonly #proof: SystemProof;
  readonly #signal: AbortSignal;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #programs: Programs;
  readonly #root: string;
  readonly #rebuild: string;
  readonly #beganMs = performance.now();

  constructor(proof: SystemProof, signal: AbortSignal) {
    const { source, surroundings, options } = proof;
    this.#proof = proof;
    this.#signal = signal;
    this.#environment = withAdministration(surroundings.environment);
    this.#programs = new Programs({ source, environment: this.#environment });
    this.#root = join(options.scratch, "root");
    this.#rebuild = join(options.scratch, "rebuild");
  }

  async run(): Promise<ProofReport> {
    const { captured, source, settings, options } = this.#proof;
    await this.#requirePrograms();
    const bytes = captured.facts.detail["installedBytes"];
    if (typeof bytes === "number") await requireRoom(options.scratch, bytes, source);
    options.onStep("writing the rebuild");
    await mkdir(this.#rebuild, { mode: 0o700 });
    const without = settings["without-packages"];
    const written = await writeRebuild(captured, this.#rebuild, { source, without, signal: this.#signal });
    this.#requireFitting(written.report);
    const checks: ProofCheck[] = [];
    checks.push(await this.#blank(written.report));
    if (checks.every(({ passed }) => passed)) checks.push(await this.#run());
    if (!checks.every(({ passed }) => passed)) return { checks, usableAfterMs: undefined };
    const usableAfterMs = performance.now() - this.#beganMs;
    options.onStep("comparing");
    checks.push(...(await this.#compare(written)));
    return { checks, usableAfterMs };
  }

  async #requirePrograms(): Promise<void> {
    for (const tool of ["setpriv", "unshare", "chroot", "mount", "tar"]) {
      await this.#programs.require(tool, "Install the packages util-linux, mount, coreutils and tar.");
    }
    if (process.getuid?.() !== 0)
      throw this.#unsupported("a rebuild is run in a root of its own, which only root may enter");
  }

  #requireFitting(report: Report): void {
    const arch = osValue(report, "ARCHITECTURE");
    if (ARCHITECTURES[process.arch] === arch) return;
    throw this.#unsupported(`the system is of architecture ${arch}, and this machine is not`);
  }

  #blank(report: Report): Promise<ProofCheck> {
    const { source, settings, surroundings, options } = this.#proof;
    const codename = osValue(report, "VERSION_CODENAME");
    const mirror = settings.prove.mirror ?? mirrorOf(report.get(REPOSITORIES) ?? "", codename);
    options.onStep(`making a blank system: ${codename}${settings.prove.base === undefined ? ` from ${mirror}` : ""}`);
    return this.#look("a blank system", async () => {
      const by = await makeBlankRoot({
        programs: this.#programs,
        path: this.#environment["PATH"] ?? "",
        source,
        root: this.#root,
        temporary: surroundings.temporary,
        codename,
        base: settings.prove.base,
        mirror,
        signal: this.#signal,
      });
      return { passed: true, detail: `${codename}, made by ${by}` };
    });
  }

  #run(): Promise<ProofCheck> {
    const { settings, options } = this.#proof;
    const simulated = settings.prove.packages === "simulate" ? ["--simulate-packages"] : [];
    const place = { root: this.#root, rebuild: this.#rebuild, proxies: proxyVariables(this.#environment) };
    const call = inRoot(place, ["/holdfast-rebuild/rebuild.sh", "--yes", ...simulated]);
    return this.#look("rebuild.sh", async () => {
      let rest = "";
      let last = "";
      const output = this.#programs.stream({ ...call, good: [0, MISSING_PACKAGES] }, { signal: this.#signal });
      for await (const chunk of output) {
        const lines = (rest + Buffer.from(chunk).toString("utf8")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (line.startsWith("== ")) options.onStep(`rebuild: ${line.slice(3)}`);
          if (line.trim() !== "") last = line;
        }
      }
      return { passed: true, detail: `ran to its end: ${last}` };
    });
  }

  async #compare({ report, paths }: WrittenRebuild): Promise<ProofCheck[]> {
    const { settings } = this.#proof;
    const rebuilt = await this.#reportOfRebuilt();
    const other = linesOf(await this.#note("other-version.txt"));
    const sides: Sides = {
      wanted: report,
      rebuilt,
      without: settings["without-packages"],
      otherVersion: new Set(other.map((line) => line.split(" ").slice(0, 2).join(" "))),
    };
    const isSimulated = settings.prove.packages === "simulate";
    const packages = isSimulated
      ? [await this.#look("packages, simulated", () => this.#simulated(other.length))]
      : [
          await this.#look("packages", async () => comparePackages(sides)),
          await this.#look("versions of packages", async () => compareVersions(sides)),
          await this.#look("marks of packages", async () => compareMarks(sides)),
          await this.#look("states of units", async () => compareUnits(sides)),
        ];
    const removed = linesOf(await readFile(join(this.#rebuild, "data/removed.txt"), "utf8"));
    return [
      ...packages,
      await this.#look("repositories", async () => compareLines(REPOSITORIES, "repositories", sides)),
      await this.#look("users", async () => compareAccounts(USERS, "users", sides)),
      await this.#look("groups", async () => compareAccounts(GROUPS, "groups", sides)),
      await this.#look("enabled services", async () => compareLines(UNIT_LINKS, "links of units", sides)),
      await this.#look("crontabs", async () => compareLines(CRONTABS, "lines of crontabs", sides)),
      await this.#look("files", async () => {
        const sidesOfFiles = { expected: join(this.#rebuild, FILES), actual: this.#root };
        const found = await compareFiles(paths.file, sidesOfFiles, { signal: this.#signal });
        const present = await this.#present(removed);
        const held = {
          disks: paths.disks,
          network: paths.network,
          identity: paths.identity,
          "kept by programs": paths.kept,
        };
        const notes = Object.entries(held).flatMap(([what, list]) =>
          list.length === 0 ? [] : [`${what} ${list.length}`],
        );
        return judge(
          "files and folders",
          paths.file.length,
          [...found.differences, ...present],
          [
            removed.length === 0 ? "" : `${removed.length} that the original had deleted`,
            notes.length === 0 ? "" : `not put in place and not compared: ${notes.join(", ")}`,
          ],
        );
      }),
    ];
  }

  async #simulated(other: number): Promise<{ passed: boolean; detail: string }> {
    const gone = linesOf(await this.#note("unavailable.txt"));
    const wanted = linesOf(await readFile(join(this.#rebuild, "data/packages.txt"), "utf8")).length;
    const failed = linesOf(await this.#note("not-installed.txt"));
    const named = (line: string): string => line.split(" ").slice(0, 2).join(" ");
    const words = [
      ...gone.map((line) => `${named(line)} is in no repository`),
      ...failed.map((line) => `${named(line)} cannot be installed`),
    ];
    const seen = judge("packages", wanted, words, [
      other === 0 ? "" : `${other} would get another version`,
      "they were not installed: their versions, marks and units were not compared",
    ]);
    return { ...seen, detail: seen.detail.replace("as in the report", "could be installed") };
  }

  /** As the same programs read it that have read the original. */
  async #reportOfRebuilt(): Promise<Report> {
    const { source, settings, surroundings } = this.#proof;
    const inspection = new Inspection({
      root: this.#root,
      surroundings,
      source,
      commandLimitMs: settings["command-time-limit"],
      signal: this.#signal,
    });
    return collectReport([...SOFTWARE_TOPICS, ...ACCOUNT_TOPICS, ...SERVICE_TOPICS], inspection, () => {});
  }

  async #present(removed: readonly string[]): Promise<string[]> {
    const files = new SystemFiles(this.#root);
    const found: string[] = [];
    for (const path of removed) {
      if ((await files.stat(path)) !== undefined) found.push(`${path}: is there, and was deleted`);
    }
    return found;
  }

  async #note(name: string): Promise<string> {
    return readFile(join(this.#root, STATE, name), "utf8");
  }

  /** As every look; but what is missing on this machine, or took too long, says nothing of the capture. */
  async #look(name: string, look: () => Promise<{ passed: boolean; detail: string }>): Promise<ProofCheck> {
    let cannot: unknown;
    const check = await lookAt(name, { signal: this.#signal }, async () => {
      try {
        return await look();
      } catch (error) {
        if (isHoldfastError(error, "SOURCES_TOOL_MISSING")) cannot = error;
        throw error;
      }
    });
    if (cannot !== undefined) throw cannot as Error;
    return check;
  }

  #unsupported(reason: string): Error {
    return sourcesError("SOURCES_UNSUPPORTED", { source: this.#proof.source, what: "a proof", reason });
  }
}
