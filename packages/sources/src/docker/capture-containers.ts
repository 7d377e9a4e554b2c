/** Captures containers: their configuration, images, volumes and bind mounts. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CaptureFacts, Consistency } from "../contract/facts.ts";
import type { Capture, CaptureOptions } from "../contract/source.ts";
import { type ChosenBind, type ChosenVolume, chooseBinds, chooseVolumes } from "./chosen-data.ts";
import type { EngineImage } from "./engine/answers.ts";
import { hasRegistryDigest, imageArchive, imageFile } from "./image-archive.ts";
import { type ChosenContainer, type Inventory, takeInventory, volumesOf } from "./inventory.ts";
import { knownDatabase } from "./known-databases.ts";
import { RestPeriod, type RestPlan, planRest } from "./rest-period.ts";
import type { DockerSettings } from "./settings.ts";
import { type DockerDetail, PLACES } from "./stored-facts.ts";
import type { UndoParts } from "./undo/undo-list.ts";

/** From the worst on. */
const CONSISTENCIES: readonly Consistency[] = ["none", "crash", "file-system", "application"];

export interface CapturingParts extends UndoParts {
  readonly name: string;
  readonly settings: DockerSettings;
}

/** @throws as `Source.capture` */
export async function captureContainers(parts: CapturingParts, options: CaptureOptions): Promise<Capture> {
  const inventory = await takeInventory(parts.engine, parts.settings, options);
  const choosing = { source: parts.engine.parts.source, onWarning: options.onWarning };
  const volumes = await chooseVolumes(inventory, choosing);
  const binds = await chooseBinds(inventory, parts.settings, { ...choosing, volumes });
  return new ContainerCapture(parts, { inventory, volumes, binds }, options).capture();
}

interface Chosen {
  readonly inventory: Inventory;
  readonly volumes: readonly ChosenVolume[];
  readonly binds: readonly ChosenBind[];
}

class ContainerCapture {
  readonly #parts: CapturingParts;
  readonly #chosen: Chosen;
  readonly #options: CaptureOptions;
  readonly #plans: readonly RestPlan[];
  readonly #rest: RestPeriod;
  readonly #root: string;
  #consistentAtMs = Date.now();
  #isGiven = false;
  #closing: Promise<void> | undefined;

  constructor(parts: CapturingParts, chosen: Chosen, options: CaptureOptions) {
    this.#parts = parts;
    this.#chosen = chosen;
    this.#options = options;
    this.#root = captureFolder("docker", parts.name);
    this.#rest = new RestPeriod(parts);
    this.#plans = chosen.inventory.containers.map((container) => {
      const hasData = container.inspected.Mounts.some(({ RW, Type }) => RW && (Type === "volume" || Type === "bind"));
      return planRest(container, parts.settings, { hasData, onWarning: options.onWarning });
    });
    this.#warn();
  }

  capture(): Capture {
    return {
      paths: [this.#root],
      entries: this.#entries(),
      facts: () => this.#facts(),
      close: () => (this.#closing ??= this.#close()),
    };
  }

  async #close(): Promise<void> {
    try {
      // Files are read until now, and long after they were given.
      if (this.#isGiven && !this.#options.signal.aborted) await this.#rest.assertHeld(this.#options);
    } finally {
      await this.#rest.end();
    }
  }

  #warn(): void {
    const { onWarning } = this.#options;
    for (const { container, consistency } of this.#plans) {
      const database = knownDatabase(container.inspected.Config.Image);
      if (database === undefined || consistency !== "none") continue;
      const message = `container ${container.name} is ${database.product}, and its files are read while it writes: such a copy may be of no use. Add a source of kind ${database.kind}, or the label holdfast.stop=true`;
      onWarning({ code: "database-in-container", message });
    }
    for (const other of this.#chosen.inventory.others) {
      const message = `container ${other.name} is not chosen, runs, and uses a volume that is captured: it writes while that is read`;
      onWarning({ code: "volume-shared", message });
    }
  }

  async *#entries(): AsyncGenerator<GivenEntry> {
    const { engine, settings } = this.#parts;
    const { inventory, volumes, binds } = this.#chosen;
    for (const { name, inspected } of inventory.containers)
      yield this.#json(`${PLACES.containers}/${name}.json`, inspected);
    yield this.#json(PLACES.networks, inventory.networks);
    // While everything runs: nothing waits for an image.
    for (const image of inventory.images.filter((each) => isSaved(each, settings))) {
      const path = join(this.#root, PLACES.images, imageFile(image));
      yield { kind: "file", path, content: imageArchive(engine, image, this.#options), mode: 0o600 };
    }
    await this.#rest.begin(this.#plans, this.#options);
    this.#consistentAtMs = Date.now();
    yield* this.#composeFiles();
    for (const { volume, from } of volumes) {
      if (from === undefined) continue;
      yield { kind: "real", path: join(this.#root, PLACES.volumes, volume.Name, PLACES.data), from };
    }
    for (const { path, from } of binds) yield { kind: "real", path: join(this.#root, PLACES.binds, path), from };
  }

  async *#composeFiles(): AsyncGenerator<GivenEntry> {
    const files = new Map<string, string>();
    for (const { labels } of this.#chosen.inventory.containers) {
      for (const file of labels.composeFiles) files.set(join("/", folderOf(labels.project), file), file);
    }
    for (const [path, from] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      // Whoever makes an image gives it the labels that he likes: a folder may be anything of this machine.
      const isFile = await stat(from).then(
        (found) => found.isFile(),
        () => false,
      );
      if (isFile) yield { kind: "real", path: join(this.#root, PLACES.compose, path), from };
    }
  }

  #facts(): CaptureFacts {
    this.#isGiven = true;
    const { engine, settings } = this.#parts;
    const { inventory, volumes, binds } = this.#chosen;
    const detail: DockerDetail = {
      rootless: inventory.isRootless,
      containers: this.#plans.map(({ container: { name, inspected, labels }, rest, consistency }) => ({
        name,
        image: inspected.Config.Image,
        imageId: inspected.Image,
        ...(labels.project === undefined ? {} : { project: labels.project }),
        wasRunning: inspected.State.Running,
        rest: rest ?? "none",
        consistency,
      })),
      volumes: volumes.map(({ volume, from }) => ({
        name: volume.Name,
        driver: volume.Driver,
        labels: volume.Labels,
        options: volume.Options,
        ...(from === undefined ? {} : { from }),
        consistency: this.#consistencyOf(volume.Name),
      })),
      binds: binds.map(({ path, isFolder }) => ({ path, isFolder })),
      images: inventory.images.map((image) => ({
        id: image.Id,
        tags: image.RepoTags,
        digests: image.RepoDigests,
        ...(isSaved(image, settings) ? { file: imageFile(image) } : {}),
      })),
    };
    return {
      consistentAt: new Date(this.#consistentAtMs).toISOString(),
      consistency: worst([
        ...this.#plans.map((plan) => plan.consistency),
        ...detail.volumes.map((each) => each.consistency),
      ]),
      tools: { api: engine.api },
      server: { product: engine.name, version: engine.version },
      position: {},
      detail,
    };
  }

  /** That of the worst of all that write to it. */
  #consistencyOf(volume: string): Consistency {
    const uses = (container: ChosenContainer): boolean => volumesOf(container).includes(volume);
    if (this.#chosen.inventory.others.some(uses)) return "none";
    return worst(this.#plans.filter(({ container }) => uses(container)).map(({ consistency }) => consistency));
  }

  /** For its owner only: the environment of a container holds passwords. */
  #json(path: string, value: unknown): GivenEntry {
    const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
    async function* content(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    return { kind: "file", path: join(this.#root, path), content: content(), mode: 0o600 };
  }
}

/** Where files of a project lie; of one that is called as compose calls none, where those of no project do. */
function folderOf(project = ""): string {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(project) ? project : "";
}

function isSaved(image: EngineImage, { "save-images": which }: DockerSettings): boolean {
  return which === "always" || (which === "missing" && !hasRegistryDigest(image));
}

function worst(found: readonly Consistency[]): Consistency {
  return CONSISTENCIES.find((each) => found.includes(each)) ?? "application";
}
