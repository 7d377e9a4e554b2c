/** A virtual machine: its disks at one moment, what it is made of, and the proof that it starts again. */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, systemCode } from "@holdfast/base";
import { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import { namedFolder } from "../contract/restore-files.ts";
import { restoreSettings } from "../contract/restore-settings.ts";
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
import { chosenDisks } from "./chosen-disks.ts";
import { stoppedMoment } from "./image/stopped-moment.ts";
import type { Moment } from "./moment.ts";
import { liveMoment } from "./qmp/live-moment.ts";
import { writeImages } from "./restore-folder.ts";
import { capturedName, defineDomain, refusePresentDomain } from "./libvirt/define-domain.ts";
import { DEFINITION_FILE, VARIABLES_FILE, libvirtMoment } from "./libvirt/libvirt-moment.ts";
import { Virsh } from "./libvirt/virsh.ts";
import { type VmSettings, domainRestore, imagesRestore } from "./settings.ts";
import { vmDetail } from "./stored-facts.ts";

export class VmSource implements Source {
  readonly forms;
  readonly #name: string;
  readonly #settings: VmSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: VmSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#programs = new Programs({ source: this.#title, environment: surroundings.environment });
    const folder = { name: "folder", description: "as images in an empty folder" };
    const domain = { name: "domain", description: "as a domain of libvirt, with images in an empty folder" };
    this.forms = settings.libvirt === undefined ? [folder] : [domain, folder];
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    options.signal.throwIfAborted();
    const moment = await this.#moment(options);
    return captureOf(moment, { name: this.#name, onWarning: options.onWarning });
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { overwrite = false, onStep, signal } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    if (form === "domain") {
      const settings = restoreSettings(domainRestore, options.settings, this.#title);
      return this.#restoreDomain(captured, settings, options);
    }
    const { format } = restoreSettings(imagesRestore, options.settings, this.#title);
    const folder = namedFolder(options, this.#title);
    const programs = this.#programs;
    const written = await writeImages(captured, { folder, format, overwrite, programs, onStep, signal });
    const hasDefinition = vmDetail(captured.facts).files.includes(DEFINITION_FILE);
    return {
      restored: written.map(({ name, path }) => `the disk ${name}: ${path}`),
      place: folder,
      remaining: [
        hasDefinition
          ? `Define a machine with these disks: ${DEFINITION_FILE} is the definition that it had, with its old paths.`
          : "Define a machine with these disks: its definition is not part of what was captured.",
      ],
    };
  }

  async #restoreDomain(
    captured: CapturedTree,
    { format, name: wished, images: folder, uri }: z.infer<typeof domainRestore>,
    { onStep, signal }: RestoreOptions,
  ): Promise<RestoreReport> {
    const { files } = vmDetail(captured.facts);
    if (!files.includes(DEFINITION_FILE)) {
      throw this.#unsupported("restoring a domain", "the snapshot holds no definition: it was not captured by libvirt");
    }
    if (folder === undefined) {
      const reason = "name an empty folder for the images: --set images=/var/lib/libvirt/images/restored";
      throw sourcesError("SOURCES_SETTINGS", { source: this.#title, reason });
    }
    const virsh = this.#virsh(uri);
    const name = wished ?? (await capturedName(captured.read(DEFINITION_FILE, { signal })));
    await refusePresentDomain(virsh, name, { signal });
    const writing = { folder, format, overwrite: false, programs: this.#programs, onStep, signal };
    const written = await writeImages(captured, writing);
    onStep(`defining the domain ${name}`);
    // Whoever came first has it.
    await refusePresentDomain(virsh, name, { signal });
    const remaining = await defineDomain({ virsh, name, folder, images: written, files, format, signal });
    return {
      restored: [`the domain ${name}`, ...written.map((disk) => `the disk ${disk.name}: ${disk.path}`)],
      place: `libvirt at ${uri ?? this.#settings.uri}, images in ${folder}`,
      remaining,
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
    const variables = join(scratch, VARIABLES_FILE);
    const { checks, evidence } = await proveBoot({
      programs: this.#programs,
      source: this.#title,
      proof,
      shape: detail.machine,
      disks: detail.disks.map(({ name, file }) => ({ name, path: join(scratch, file) })),
      variables: detail.files.includes(VARIABLES_FILE) ? variables : undefined,
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
    const { qmp, disks, libvirt } = this.#settings;
    if (libvirt !== undefined) return this.#byLibvirt(libvirt, options);
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
      images: chosenDisks(disks ?? [], this.#settings["exclude-disks"], this.#title),
      temporary: this.#surroundings.temporary,
      limitMs: this.#settings["freeze-time-limit"],
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
      agent: agent === undefined || agent === "none" ? undefined : { path: agent, limitMs, source: this.#title },
      scratch: scratch ?? this.#surroundings.temporary,
      excluded,
      line: { hostname: this.#surroundings.hostname, name: this.#name },
      destination,
      onWarning,
      signal,
    });
  }

  #byLibvirt(domain: string, { destination, onWarning, signal }: CaptureOptions): Promise<Moment> {
    const { agent, scratch, uri, "exclude-disks": excluded, "freeze-time-limit": freezeLimitMs } = this.#settings;
    return libvirtMoment({
      virsh: this.#virsh(uri),
      domain,
      uri,
      source: this.#title,
      programs: this.#programs,
      freezes: agent !== "none",
      freezeLimitMs,
      scratch,
      temporary: this.#surroundings.temporary,
      excluded,
      line: { hostname: this.#surroundings.hostname, name: this.#name },
      destination,
      onWarning,
      signal,
    });
  }

  #virsh(uri = this.#settings.uri): Virsh {
    const { temporary } = this.#surroundings;
    return new Virsh({ programs: this.#programs, source: this.#title, uri, temporary });
  }

  #unsupported(what: string, reason: string): Error {
    return sourcesError("SOURCES_UNSUPPORTED", { source: this.#title, what, reason });
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
