/** A virtual machine: its disks at one moment, what it is made of, and the proof that it starts again. */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, systemCode } from "@holdfast/base";
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import type {
  Capture,
  CaptureOptions,
  ProofReport,
  ProveOptions,
  RestoreOptions,
  RestoreReport,
  Source,
} from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { Programs } from "../programs/programs.ts";
import { proveBoot } from "./boot/prove-boot.ts";
import { captureOf } from "./capture-moment.ts";
import { stoppedMoment } from "./image/stopped-moment.ts";
import type { Moment } from "./moment.ts";
import { liveMoment } from "./qmp/live-moment.ts";
import { writeImages } from "./restore-folder.ts";
import { type VmSettings, restoreSettings } from "./settings.ts";
import { vmDetail } from "./stored-facts.ts";

/** The variables of a UEFI firmware, among the files of a capture. */
const VARIABLES = "nvram.fd";

export class VmSource implements Source {
  readonly forms = [{ name: "folder", description: "as images in an empty folder" }];
  readonly #name: string;
  readonly #settings: VmSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: VmSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#programs = new Programs({ source: this.#title, environment: surroundings.environment });
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    options.signal.throwIfAborted();
    const moment = await this.#moment(options);
    return captureOf(moment, { name: this.#name, onWarning: options.onWarning });
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { folder, overwrite = false, onStep, signal } = options;
    chosenForm(this.forms, options.form, this.#title);
    const { format } = this.#restoreSettings(options.settings);
    if (folder === undefined) {
      const reason = "no folder was named";
      throw sourcesError("SOURCES_UNSUPPORTED", { source: this.#title, what: "restoring images", reason });
    }
    const programs = this.#programs;
    const written = await writeImages(captured, { folder, format, overwrite, programs, onStep, signal });
    return {
      restored: written.map(({ name, path }) => `the disk ${name}: ${path}`),
      place: folder,
      remaining: ["Define a machine with these disks: its definition is not part of what QEMU's monitor tells."],
    };
  }

  async prove(captured: CapturedTree, { scratch, signal, onStep }: ProveOptions): Promise<ProofReport> {
    const beganMs = performance.now();
    const detail = vmDetail(captured.facts);
    const { proof } = this.#settings;
    for (const tool of [proof.program, "qemu-img"]) await this.#programs.require(tool, HOW_QEMU);
    onStep("restoring to a temporary folder");
    await captured.extract(undefined, scratch, { signal });
    const elapsedMs = performance.now() - beganMs;
    const restored = { name: "restored", passed: true, detail: "every byte read again and compared", elapsedMs };
    const variables = join(scratch, VARIABLES);
    const { checks, evidence } = await proveBoot({
      programs: this.#programs,
      source: this.#title,
      proof,
      shape: detail.machine,
      disks: detail.disks.map(({ name, file }) => ({ name, path: join(scratch, file) })),
      variables: detail.files.includes(VARIABLES) ? variables : undefined,
      scratch,
      temporary: this.#surroundings.temporary,
      onStep,
      signal,
    });
    const all = [restored, ...checks];
    const isUsable = all.every(({ passed }) => passed);
    return { checks: all, usableAfterMs: isUsable ? performance.now() - beganMs : undefined, evidence };
  }

  async #moment(options: CaptureOptions): Promise<Moment> {
    const { qmp, disks } = this.#settings;
    if (qmp !== undefined && (disks === undefined || (await isThere(qmp)))) {
      try {
        return await this.#live(qmp, options);
      } catch (error) {
        // Nobody listens any more: it was left by a QEMU that has ended. Should one run all the same, its images are locked.
        if (disks === undefined || !isRefusedConnection(error)) throw error;
      }
    }
    return stoppedMoment({
      source: this.#title,
      programs: this.#programs,
      images: (disks ?? []).filter(({ name }) => !this.#settings["exclude-disks"].includes(name)),
      temporary: this.#surroundings.temporary,
      previous: async () => options.destination?.previous(),
      onWarning: options.onWarning,
      signal: options.signal,
    });
  }

  #live(socket: string, { destination, onWarning, signal }: CaptureOptions): Promise<Moment> {
    const { agent, scratch, "exclude-disks": excluded, "freeze-time-limit": limitMs } = this.#settings;
    if (agent === undefined) {
      const message =
        "no guest agent is named, so the disks are as after a power cut; name its socket with the setting agent, or say `agent: none`";
      onWarning({ code: "not-frozen", message });
    }
    return liveMoment({
      socket,
      source: this.#title,
      programs: this.#programs,
      agent: agent === undefined || agent === "none" ? undefined : { path: agent, limitMs },
      scratch: scratch ?? this.#surroundings.temporary,
      excluded,
      line: { hostname: this.#surroundings.hostname, name: this.#name },
      destination,
      onWarning,
      signal,
    });
  }

  #restoreSettings(given: RestoreOptions["settings"] = {}): z.infer<typeof restoreSettings> {
    const parsed = restoreSettings.safeParse(given);
    if (parsed.success) return parsed.data;
    throw sourcesError("SOURCES_SETTINGS", { source: this.#title, reason: z.prettifyError(parsed.error) });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }
}

const HOW_QEMU = "Install the packages qemu-system-x86 and qemu-utils.";

function isRefusedConnection(error: unknown): boolean {
  const isUnreachable = isHoldfastError(error, "SOURCES_UNREACHABLE");
  return isUnreachable && ["ECONNREFUSED", "ENOENT"].includes(systemCode((error as Error).cause) ?? "");
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
