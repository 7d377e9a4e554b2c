/** Containers of an engine, with everything that they keep outside themselves. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { z } from "zod";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import { restoreFiles } from "../contract/restore-files.ts";
import { restoreSettings } from "../contract/restore-settings.ts";
import type {
  CallOptions,
  Capture,
  CaptureOptions,
  ProofReport,
  ProveOptions,
  RestoreOptions,
  RestoreReport,
  Source,
} from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { Programs } from "../programs/programs.ts";
import { captureContainers } from "./capture-containers.ts";
import { INFO } from "./engine/answers.ts";
import { EngineClient } from "./engine/engine-client.ts";
import { socketPlace } from "./engine/socket-place.ts";
import { type ProvingParts, proveContainers } from "./prove-containers.ts";
import { restoreContainers } from "./restore-containers.ts";
import { type RestoringParts, fillVolumes, volumeTargets } from "./restore-volumes.ts";
import { type DockerSettings, dockerSettings } from "./settings.ts";
import { type DockerDetail, detailOf } from "./stored-facts.ts";

/** What a restore may set: the engine, and how what it makes there is called. */
const ENGINE = dockerSettings.pick({ socket: true, prefix: true });
/** And which containers. */
const CHOSEN = dockerSettings.pick({
  socket: true,
  prefix: true,
  containers: true,
  projects: true,
  "exclude-containers": true,
});

export class DockerSource implements Source {
  readonly forms = [
    {
      name: "containers",
      description: "as containers that are not started, with images, networks and volumes that are missing",
    },
    { name: "volumes", description: "as volumes that are missing or empty" },
    { name: "folder", description: "everything as files in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: DockerSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: DockerSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#programs = new Programs({ source: this.#title, environment: surroundings.environment });
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    options.signal.throwIfAborted();
    const engine = await this.#engine(this.#settings, options);
    const parts = { engine, programs: this.#programs, name: this.#name, settings: this.#settings };
    return captureContainers(parts, options);
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const form = chosenForm(this.forms, options.form, this.#title);
    const all = detailOf(captured);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title }, options);
      const restored = [`${all.containers.length} containers and ${all.volumes.length} volumes, as files`];
      return { restored, place, remaining: [] };
    }
    const own = { socket: this.#settings.socket, prefix: this.#settings.prefix };
    const given = { ...own, ...options.settings };
    const chosen = form === "containers" ? restoreSettings(CHOSEN, given, this.#title) : undefined;
    const { socket, prefix } = chosen ?? restoreSettings(ENGINE, given, this.#title);
    const engine = await this.#engine({ ...this.#settings, socket }, options);
    const parts: RestoringParts = { engine, captured, prefix, options };
    const mapping = await this.#mapping(engine, all, options);
    if (chosen !== undefined) {
      const report = await restoreContainers(parts, all, isChosenBy(chosen));
      return { ...report, remaining: [...mapping, ...report.remaining] };
    }
    const targets = await volumeTargets(parts, all.volumes, { skipsExisting: false });
    const restored = await fillVolumes(parts, targets);
    const left = all.volumes.filter(({ from }) => from === undefined);
    const remaining = left.map(
      ({ name }) => `The volume ${name} was not captured: bring it back from where it is kept.`,
    );
    if (all.binds.length > 0) remaining.push("Bind mounts are restored by the forms containers and folder.");
    return { restored, place: `the engine at ${engine.parts.socket}`, remaining: [...mapping, ...remaining] };
  }

  async prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    options.signal.throwIfAborted();
    const detail = detailOf(captured);
    const starting = await this.#starting(options);
    return proveContainers({ captured, detail, settings: this.#settings, starting }, options);
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  async #engine(settings: DockerSettings, options: CallOptions): Promise<EngineClient> {
    const { environment } = this.#surroundings;
    const uid = process.getuid?.();
    const socket = await socketPlace(settings.socket, { environment, uid, source: this.#title });
    return EngineClient.open({ socket, source: this.#title, limitMs: settings["time-limit"] }, options);
  }

  /** Where there is no engine, files can be proven still. */
  async #starting(options: CallOptions): Promise<ProvingParts["starting"]> {
    if (!this.#settings.proof.start) return { reason: "the setting proof.start says so" };
    try {
      const engine = await this.#engine(this.#settings, options);
      return { engine, programs: this.#programs };
    } catch (error) {
      options.signal.throwIfAborted();
      if (isHoldfastError(error, "SOURCES_UNREACHABLE") || isHoldfastError(error, "SOURCES_CREDENTIALS")) {
        return { reason: messageOf(error) };
      }
      throw error;
    }
  }

  /** Owners in a rootless engine's volumes are those of its user's range, and mean others elsewhere. */
  async #mapping(engine: EngineClient, { rootless }: DockerDetail, options: CallOptions): Promise<string[]> {
    const { SecurityOptions, Rootless } = await engine.json(INFO, { path: ["info"] }, options);
    const isRootless = Rootless === true || SecurityOptions.some((each) => each.includes("rootless"));
    if (isRootless === rootless) return [];
    const [was, is] = rootless ? ["rootless", "system-wide"] : ["system-wide", "rootless"];
    return [`The engine was ${was} and this one is ${is}: owners in volumes are of another range, so set them anew.`];
  }
}

/** Which containers are restored, where not all of them are. */
function isChosenBy({ containers, projects, "exclude-containers": excluded }: z.infer<typeof CHOSEN>) {
  return ({ name, project }: DockerDetail["containers"][number]): boolean => {
    if (excluded.includes(name)) return false;
    if (containers === undefined && projects === undefined) return true;
    return containers?.includes(name) === true || (project !== undefined && projects?.includes(project) === true);
  };
}
