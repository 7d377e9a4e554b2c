/** A Linux system as a source: what it is as a report, its own files, and a rebuild for a blank machine made of both. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import { namedFolder, restoreFiles } from "../contract/restore-files.ts";
import { changedSettings } from "../contract/restore-settings.ts";
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
import { requireEmptyFolder } from "../host/empty-folder.ts";
import { REPORT } from "./capture/layout.ts";
import { captureSystem } from "./capture/capture-system.ts";
import { Inspection } from "./host/inspection.ts";
import { proveSystem } from "./proof/prove-system.ts";
import { writeRebuild } from "./rebuild/write-rebuild.ts";
import { type SystemSettings, systemSettings } from "./settings.ts";

/** What a restore may set. */
const REBUILD = systemSettings.pick({ "without-packages": true });

export class SystemSource implements Source {
  readonly forms = [
    { name: "rebuild", description: "as a folder with a script that makes a blank Debian machine what this one was" },
    { name: "folder", description: "as files in an empty folder" },
    { name: "report", description: "the report alone, in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: SystemSettings;
  readonly #surroundings: SourceSurroundings;

  constructor(name: string, settings: SystemSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
  }

  async capture({ signal, onWarning }: CaptureOptions): Promise<Capture> {
    signal.throwIfAborted();
    await this.#requireRoot();
    const inspection = new Inspection({
      root: this.#settings.root,
      surroundings: this.#surroundings,
      source: this.#title,
      commandLimitMs: this.#settings["command-time-limit"],
      signal,
    });
    const parts = { name: this.#name, source: this.#title, settings: this.#settings, inspection, onWarning };
    return captureSystem(parts);
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, overwrite = false, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    const source = this.#title;
    if (form === "report") {
      const place = await restoreFiles(captured, { source, path: REPORT }, options);
      return { restored: ["the report on the system"], place, remaining: [] };
    }
    if (form === "folder") {
      const place = await restoreFiles(captured, { source }, options);
      return { restored: ["the report and all files of the capture"], place, remaining: [] };
    }
    const { "without-packages": without } = changedSettings(REBUILD, this.#settings, options.settings, source);
    const folder = namedFolder(options, source);
    await requireEmptyFolder(folder, { overwrite });
    onStep(`writing the rebuild to ${folder}`);
    const { paths, remaining } = await writeRebuild(captured, folder, { source, without, signal });
    return {
      restored: [
        `a rebuild with ${paths.file.length} files and folders: run ${join(folder, "rebuild.sh")} on a blank machine`,
      ],
      place: folder,
      remaining,
    };
  }

  prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    const parts = { captured, source: this.#title, settings: this.#settings, surroundings: this.#surroundings };
    return proveSystem({ ...parts, options });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  async #requireRoot(): Promise<void> {
    const { root } = this.#settings;
    const isFolder = await stat(root).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) throw sourcesError("SOURCES_SETTINGS", { source: this.#title, reason: `${root} is no folder` });
  }
}
