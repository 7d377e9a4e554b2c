/** A cluster of etcd, by a snapshot of one member. Its client writes snapshots to files only, so one is made and removed again. */
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import type { GivenEntry } from "@holdfast/engine";
import { withinLimit } from "../content/time-limit.ts";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import { restoreFiles } from "../contract/restore-files.ts";
import { changedSettings } from "../contract/restore-settings.ts";
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
import { sourcesError } from "../errors.ts";
import { requireRoom } from "../host/room.ts";
import { withoutVariables } from "../programs/foreign-variables.ts";
import { Programs } from "../programs/programs.ts";
import { EtcdClient, type EtcdCredentials, type EtcdStatus } from "./etcd-client.ts";
import { makeDataFolder } from "./make-data-folder.ts";
import { proveSnapshot } from "./prove-snapshot.ts";
import { type EtcdSettings, memberSettings } from "./settings.ts";
import { SnapshotTool } from "./snapshot-tool.ts";
import { SNAPSHOT_FILE, detailOf } from "./stored.ts";

export class EtcdSource implements Source {
  readonly forms = [
    { name: "data", description: "as the data folder of a new member (setting data)" },
    { name: "folder", description: "as files in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: EtcdSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: EtcdSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    const environment = withoutVariables(surroundings.environment, /^ETCD(CTL)?_/);
    this.#programs = new Programs({ source: this.#title, environment });
  }

  async capture({ signal, onWarning }: CaptureOptions): Promise<Capture> {
    signal.throwIfAborted();
    const tool = await SnapshotTool.find(this.#programs, this.#settings);
    const [client, status] = await this.#member({ signal });
    const version = await client.version({ signal });
    const alarms = await this.#alarms(client, { signal, onWarning });
    // It may grow meanwhile.
    await requireRoom(this.#surroundings.temporary, status.sizeBytes * 1.1, this.#title);
    const folder = await mkdtemp(join(this.#surroundings.temporary, "etcd-"));
    const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
    try {
      const file = join(folder, SNAPSHOT_FILE);
      const limit = {
        ms: this.#settings["time-limit"],
        what: "the capture",
        source: this.#title,
        setting: "time-limit",
      };
      const keys = await this.#keyCount(client, { signal });
      const atMs = Date.now();
      await withinLimit(limit, (within) => client.save(file, { signal: within }), { signal });
      const saved = await tool.status(file, { signal });
      if (Number(saved.revision) < Number(status.revision)) {
        const reason = `the snapshot ends with revision ${saved.revision}, where the server already had ${status.revision}`;
        throw sourcesError("SOURCES_TOOL_FAILED", { tool: "etcdctl", source: this.#title, reason });
      }
      const hash = await client.hash(saved.revision, { signal });
      // A count fits only where nothing was written in between.
      const isExact = status.revision === saved.revision;
      return {
        paths: [captureFolder("etcd", this.#name)],
        entries: this.#entries(file),
        facts: () => ({
          consistentAt: new Date(atMs).toISOString(),
          consistency: "application",
          tools: { etcdctl: version },
          server: { product: "etcd", version: status.version },
          position: {
            revision: saved.revision,
            "cluster-id": status.clusterId,
            "member-id": status.memberId,
            "snapshot-hash": saved.hash,
          },
          detail: {
            revision: saved.revision,
            "total-keys": saved.totalKey,
            ...(isExact ? { keys } : {}),
            ...(hash === undefined ? {} : { hash }),
            alarms,
          },
        }),
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { overwrite = false } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    detailOf(captured);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title }, options);
      return { restored: [`the snapshot ${SNAPSHOT_FILE}`], place, remaining: [] };
    }
    const settings = changedSettings(memberSettings, this.#settings, options.settings, this.#title);
    const { data } = settings;
    if (data === undefined) throw this.#unusable("`data` does not name the folder to be made: give --set data=FOLDER");
    const tool = await SnapshotTool.find(this.#programs, settings);
    return makeDataFolder(captured, { ...options, overwrite, data, settings, tool });
  }

  async prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    const credentials = await this.#credentials(options);
    return proveSnapshot(captured, { ...options, programs: this.#programs, settings: this.#settings, credentials });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  async #credentials({ signal }: CallOptions): Promise<EtcdCredentials | undefined> {
    const { user, password } = this.#settings;
    if (user === undefined || password === undefined) return undefined;
    return { user, password: await this.#surroundings.secret(password, this.#title, { signal }) };
  }

  /** @throws SOURCES_UNREACHABLE when its data is known to be damaged */
  async #alarms(client: EtcdClient, { signal, onWarning }: CaptureOptions): Promise<readonly string[]> {
    const alarms = await client.alarms({ signal });
    if (alarms.includes("CORRUPT")) {
      throw sourcesError("SOURCES_UNREACHABLE", {
        source: this.#title,
        reason: "it has found its own data corrupt (alarm CORRUPT)",
      });
    }
    if (alarms.length > 0) onWarning({ code: "alarm", message: `the cluster has raised ${alarms.join(", ")}` });
    return alarms;
  }

  /** The first member that answers. @throws what the last one did */
  async #member({ signal }: CallOptions): Promise<[EtcdClient, EtcdStatus]> {
    const credentials = await this.#credentials({ signal });
    let failure: unknown;
    for (const endpoint of this.#settings.endpoints) {
      const client = new EtcdClient(this.#programs, this.#settings, { endpoint, credentials });
      try {
        return [client, await client.status({ signal })];
      } catch (error) {
        signal.throwIfAborted();
        if (!isHoldfastError(error, "SOURCES_UNREACHABLE")) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** `undefined` when the user may not read keys: snapshots need other rights. */
  async #keyCount(client: EtcdClient, { signal }: CallOptions): Promise<number | undefined> {
    try {
      return await client.keyCount({ signal });
    } catch (error) {
      signal.throwIfAborted();
      if (isHoldfastError(error, "SOURCES_CREDENTIALS")) return undefined;
      throw error;
    }
  }

  async *#entries(file: string): AsyncGenerator<GivenEntry> {
    const path = join(captureFolder("etcd", this.#name), SNAPSHOT_FILE);
    yield { kind: "file", path, content: createReadStream(file, { highWaterMark: 1024 * 1024 }), mode: 0o600 };
  }

  #unusable(reason: string): Error {
    return sourcesError("SOURCES_SETTINGS", { source: this.#title, reason });
  }
}
