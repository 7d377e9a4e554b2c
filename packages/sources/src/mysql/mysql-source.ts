/** A server of MariaDB or MySQL, captured by its dump tool or, file by file, by mariadb-backup. */
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { StoredFacts } from "../contract/facts.ts";
import type { JournalFollowing, JournalSource } from "../contract/journal.ts";
import type { RecoveryTarget } from "../contract/recovery-target.ts";
import { chosenForm } from "../contract/forms.ts";
import { restoreFiles } from "../contract/restore-files.ts";
import type {
  CallOptions,
  Capture,
  CaptureOptions,
  ProofReport,
  ProveOptions,
  RestoreForm,
  RestoreOptions,
  RestoreReport,
  Source,
} from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { captureDump } from "./dump/capture-dump.ts";
import { proveDump } from "./dump/prove-dump.ts";
import { restoreDump } from "./dump/restore-dump.ts";
import { capturePhysical } from "./physical/capture-physical.ts";
import { provePhysical } from "./physical/prove-physical.ts";
import { restorePhysical } from "./physical/restore-physical.ts";
import { followBinlog } from "./journal/follow-binlog.ts";
import { reachesTarget } from "./journal/reaches.ts";
import { Connection } from "./server/connection.ts";
import { Tools } from "./server/tools.ts";
import { type ConnectionSettings, type MysqlSettings, restoreTarget } from "./settings.ts";

const FOLDER: RestoreForm = { name: "folder", description: "as the files of the capture in an empty folder" };
const FORMS: Readonly<Record<MysqlSettings["method"], readonly RestoreForm[]>> = {
  dump: [{ name: "server", description: "into a server that runs" }, FOLDER],
  physical: [{ name: "data", description: "as a prepared data folder, to be started by a server" }, FOLDER],
};

export class MysqlSource implements Source {
  readonly forms: readonly RestoreForm[];
  readonly journal: JournalSource;
  readonly #name: string;
  readonly #settings: MysqlSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #tools: Tools;

  constructor(name: string, settings: MysqlSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#tools = new Tools(this.#title, settings, surroundings);
    this.forms = FORMS[settings.method];
    this.journal = {
      follow: (options) => this.#follow(options),
      // The newest one says where to go on.
      keptInSpool: (names) => names.toSorted().slice(-1),
      keepsAll: settings.journal["keep-all"],
      partialEveryMs: settings.journal["partial-every"],
    };
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    options.signal.throwIfAborted();
    const connection = await this.#connect(this.#settings, options);
    const parts = { connection, settings: this.#settings, at: captureFolder("mysql", this.#name) };
    try {
      return await (this.#settings.method === "dump"
        ? captureDump(parts, options)
        : capturePhysical({ ...parts, surroundings: this.#surroundings }, options));
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    // What was captured decides, as the setting may have changed since.
    const forms = FORMS[methodOf(captured)];
    const form = chosenForm(forms, options.form, this.#title);
    if (form === "server") return this.#intoServer(captured, options);
    const parts = { tools: this.#tools, settings: this.#settings, surroundings: this.#surroundings };
    if (form === "data") return restorePhysical(captured, parts, options);
    if (options.recovery !== undefined)
      throw this.#unsupported("restoring files to a point in time", "nothing replays the journal there");
    const place = await restoreFiles(captured, { source: this.#title }, options);
    return { restored: ["all files of the capture"], place, remaining: [] };
  }

  reaches(facts: StoredFacts, until: RecoveryTarget): boolean {
    return reachesTarget(facts, until);
  }

  async prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    const parts = { tools: this.#tools, settings: this.#settings, surroundings: this.#surroundings };
    return methodOf(captured) === "dump"
      ? proveDump(captured, parts, options)
      : provePhysical(captured, parts, options);
  }

  async #intoServer(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const target = restoreTarget(this.#settings, options.settings, this.#title);
    const connection = await this.#connect(target, options);
    try {
      return await restoreDump(
        connection,
        captured,
        { ...options, databases: target.databases },
        this.#surroundings.temporary,
      );
    } finally {
      await connection.close();
    }
  }

  async #follow(options: JournalFollowing): Promise<void> {
    const connection = await this.#connect(this.#settings, options);
    try {
      await followBinlog(connection, options);
    } finally {
      await connection.close();
    }
  }

  #connect(settings: ConnectionSettings, { signal }: CallOptions): Promise<Connection> {
    return Connection.open(this.#tools, settings, this.#surroundings, { signal });
  }

  #unsupported(what: string, reason: string): Error {
    return sourcesError("SOURCES_UNSUPPORTED", { source: this.#title, what, reason });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }
}

/** @throws SOURCES_DAMAGED when the capture does not say */
function methodOf({ facts }: CapturedTree): MysqlSettings["method"] {
  const { method } = facts.detail;
  if (method === "dump" || method === "physical") return method;
  throw sourcesError("SOURCES_DAMAGED", {
    what: "capture.json",
    reason: "it does not say by which method it was made",
  });
}
