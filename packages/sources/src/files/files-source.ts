/** Files and folders of this machine, with the databases among them as they were at one moment. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { type GivenEntry, Selection, displayPath } from "@holdfast/engine";
import { z } from "zod";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { detailBy } from "../contract/facts.ts";
import { chosenForm } from "../contract/forms.ts";
import { restoreFiles } from "../contract/restore-files.ts";
import { NO_SETTINGS, restoreSettings } from "../contract/restore-settings.ts";
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
import { databaseCopier } from "./copy-database.ts";
import { fileEntries } from "./file-entries.ts";
import { findDatabases } from "./find-databases.ts";
import { placeOf, putBack, refuseOccupied } from "./place.ts";
import { proveFiles } from "./prove-files.ts";
import { type FilesSettings, selectionRules } from "./settings.ts";
import { FrozenPaths } from "./snapshots/frozen.ts";

/** The folder of the capture in which paths begin. */
const ROOT = "root";

/** A path that cannot lead out of where it is restored to. */
const whole = z
  .string()
  .refine((path) => path.startsWith("/") && !path.split("/").includes(".."), "it is no path from the root on");
const DETAIL = z.object({ paths: z.array(whole).min(1), databases: z.array(z.string()) });

export class FilesSource implements Source {
  readonly forms = [
    { name: "place", description: "where the files were" },
    { name: "folder", description: "below an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: FilesSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: FilesSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#programs = new Programs({ source: this.#title, environment: surroundings.environment });
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    const { signal } = options;
    signal.throwIfAborted();
    const paths = await this.#presentPaths(options);
    const rules = selectionRules(this.#settings);
    const selection = new Selection(rules);
    const frozen = await this.#freeze(paths, options);
    const startedAtMs = Date.now();
    const copied: string[] = [];
    return {
      paths: [captureFolder("files", this.#name)],
      entries: this.#entries({ paths, selection, frozen, copied }, options),
      rules: { ...rules, aliases: frozen.aliases() },
      facts: () => ({
        consistentAt: new Date(startedAtMs).toISOString(),
        consistency: paths.every((path) => frozen.isFrozen(path)) ? "file-system" : "none",
        tools: {},
        position: {},
        detail: { paths, databases: copied, frozen: paths.filter((path) => frozen.isFrozen(path)) },
      }),
      close: () => frozen.close(),
    };
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, overwrite = false, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    const { paths } = detailOf(captured);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title, path: ROOT }, options);
      return { restored: paths.map(displayPath), place, remaining: [] };
    }
    restoreSettings(NO_SETTINGS, options.settings, this.#title);
    if (!overwrite) await refuseOccupied(paths);
    for (const path of paths) {
      onStep(`writing ${displayPath(path)}`);
      await putBack(captured, ROOT, path, { signal });
    }
    const remaining = overwrite ? ["What was there and is not in the snapshot was left as it is."] : [];
    return { restored: paths.map(displayPath), place: "where it was", remaining };
  }

  prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    const { paths, databases } = detailOf(captured);
    const parts = { captured, root: ROOT, paths, databases, settings: this.#settings, title: this.#title };
    return proveFiles(parts, options);
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  #freeze(paths: readonly string[], { signal, onWarning }: CaptureOptions): Promise<FrozenPaths> {
    const { snapshot, "snapshot-size": size } = this.#settings;
    if (snapshot === "none") return Promise.resolve(FrozenPaths.none());
    const parts = { programs: this.#programs, name: this.#name, size, signal, onWarning };
    return FrozenPaths.take(paths, snapshot, parts);
  }

  async *#entries(
    parts: { paths: readonly string[]; selection: Selection; frozen: FrozenPaths; copied: string[] },
    options: CaptureOptions,
  ): AsyncGenerator<GivenEntry> {
    const { paths, selection, frozen, copied } = parts;
    const databases: string[] = [];
    // In a snapshot of the file system a database lies beside its log as after a power failure, for which it is made.
    if (this.#settings.databases === "copy") {
      for (const path of paths.filter((each) => !frozen.isFrozen(each))) {
        databases.push(...(await findDatabases(path, selection, options)).map((found) => found.path));
      }
    }
    const copy = databaseCopier({
      ...options,
      title: this.#title,
      temporary: this.#surroundings.temporary,
      onCopied: (path) => copied.push(path),
    });
    const root = join(captureFolder("files", this.#name), ROOT);
    yield* fileEntries({ root, paths, databases, copy, selection, frozen });
    await frozen.verify();
  }

  /** Links on the way to the paths are followed once, here. */
  async #presentPaths({ onWarning }: CaptureOptions): Promise<string[]> {
    const present: string[] = [];
    for (const path of this.#settings.paths) {
      try {
        const found = await lstat(path);
        const isEmpty = found.isDirectory() && (await readdir(path)).length === 0;
        if (isEmpty) {
          const message = `${path} is empty: is what should be mounted there not mounted?`;
          onWarning({ code: "empty-path", message });
        }
        present.push(await placeOf(path));
      } catch (error) {
        const reason = systemCode(error) === "ENOENT" ? "it is not there" : messageOf(error);
        onWarning({ code: "missing-path", message: `${path} cannot be read: ${reason}` });
      }
    }
    if (present.length > 0) return present;
    const reason = "none of its paths can be read, so no snapshot is made";
    throw sourcesError("SOURCES_UNREACHABLE", { source: this.#title, reason });
  }
}

/** @throws SOURCES_DAMAGED */
function detailOf({ facts }: CapturedTree): z.infer<typeof DETAIL> {
  return detailBy(DETAIL, facts);
}
