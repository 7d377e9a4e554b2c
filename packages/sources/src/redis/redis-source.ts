/** A Redis or Valkey server. It is captured as a replica would take its data: one moment, and no file on the server's disk is needed. */
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { limitTime } from "../content/time-limit.ts";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CaptureFacts } from "../contract/facts.ts";
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
import { withoutVariables } from "../programs/foreign-variables.ts";
import { Programs } from "../programs/programs.ts";
import { proveDump } from "./prove-dump.ts";
import { putDump } from "./put-dump.ts";
import { type RdbFacts, wholeRdb } from "./rdb-stream.ts";
import { RedisClient, keysOf, redisTool } from "./redis-client.ts";
import { type RedisSettings, redisSettings } from "./settings.ts";
import { ACL_FILE, DUMP_FILE, detailOf } from "./stored.ts";

/** Settings of the server that tell how it is to be restored. */
const ASKED = ["appendonly", "save", "databases", "maxmemory-policy", "aclfile"] as const;

export class RedisSource implements Source {
  readonly forms = [
    { name: "data", description: "as the dump in the data folder of a server that does not run (setting data)" },
    { name: "folder", description: "as files in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: RedisSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: RedisSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    const environment = withoutVariables(surroundings.environment, /^REDISCLI_/);
    this.#programs = new Programs({ source: this.#title, environment });
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    const { signal, onWarning } = options;
    signal.throwIfAborted();
    const client = await this.#client({ signal });
    const version = await client.version({ signal });
    const before = await client.info({ signal });
    this.#requireUsable(before, onWarning);
    const known = await this.#configOf(client, { signal });
    const acl = this.#settings.acl ? await this.#aclOf(client, options) : undefined;
    signal.throwIfAborted();
    const seen: Seen = { before, version, ...known };
    return {
      paths: [captureFolder("redis", this.#name)],
      entries: this.#entries(client, acl, seen, signal),
      facts: () => this.#facts(seen),
      close: async () => {},
    };
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, overwrite = false, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    const detail = detailOf(captured);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title }, options);
      return { restored: [`the dump ${DUMP_FILE}`], place, remaining: [] };
    }
    const place = redisSettings.pick({ data: true, dump: true });
    const { data, dump } = changedSettings(place, this.#settings, options.settings, this.#title);
    if (data === undefined)
      throw this.#unusable("`data` does not name the server's data folder: give --set data=FOLDER");
    return putDump(captured, { data, dump, detail, overwrite, signal, onStep });
  }

  async prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    return proveDump(captured, {
      ...options,
      programs: this.#programs,
      settings: this.#settings,
      sockets: this.#surroundings.temporary,
    });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  async #client({ signal }: CallOptions): Promise<RedisClient> {
    const { password } = this.#settings;
    const secret =
      password === undefined ? undefined : await this.#surroundings.secret(password, this.#title, { signal });
    return new RedisClient(this.#programs, redisTool(this.#settings, "cli"), this.#settings, secret);
  }

  /** @throws SOURCES_UNREACHABLE when what it has is not what it should have */
  #requireUsable(info: Readonly<Record<string, string>>, onWarning: CaptureOptions["onWarning"]): void {
    const source = this.#title;
    if (info["loading"] === "1")
      throw sourcesError("SOURCES_UNREACHABLE", { source, reason: "it is loading its data" });
    if (info["role"] === "slave" && info["master_link_status"] !== "up") {
      const reason = "it is a replica that has lost its primary, so its data may be old";
      throw sourcesError("SOURCES_UNREACHABLE", { source, reason });
    }
    if (info["cluster_enabled"] === "1" && !this.#settings["one-shard"]) {
      const message =
        "the server is one shard of a cluster: each shard must be a source of its own (then set one-shard)";
      onWarning({ code: "one-shard", message });
    }
  }

  /** Managed services forbid CONFIG and MODULE: then nothing is known. */
  async #configOf(client: RedisClient, options: CallOptions): Promise<Pick<Seen, "config" | "modules">> {
    const said = await client.askAll([...ASKED.map((name) => `CONFIG GET ${name}`), "MODULE LIST"], options);
    const lines = said.split("\n");
    const config: Record<string, string> = {};
    for (const name of ASKED) {
      const at = lines.indexOf(name);
      if (at >= 0) config[name] = lines[at + 1] ?? "";
    }
    return { config, modules: lines.flatMap((line, at) => (line === "name" ? [lines[at + 1] ?? ""] : [])) };
  }

  async #aclOf(client: RedisClient, { signal, onWarning }: CaptureOptions): Promise<string | undefined> {
    try {
      return await client.ask(["ACL", "LIST"], { signal });
    } catch (error) {
      signal.throwIfAborted();
      const message = `users and their rights could not be read, and are not stored; allow it (+acl|list), or set acl: false (${String(error)})`;
      onWarning({ code: "no-acl", message });
      return undefined;
    }
  }

  async *#entries(
    client: RedisClient,
    acl: string | undefined,
    seen: Seen,
    signal: AbortSignal,
  ): AsyncGenerator<GivenEntry> {
    const at = captureFolder("redis", this.#name);
    const limit = { ms: this.#settings["time-limit"], what: "the capture", source: this.#title, setting: "time-limit" };
    const limited = limitTime(limit, { signal });
    try {
      const content = wholeRdb(client.dump(limited), {
        onEnd: (rdb) => {
          seen.rdb = rdb;
        },
        broken: (reason) =>
          sourcesError("SOURCES_TOOL_FAILED", { tool: redisTool(this.#settings, "cli"), source: this.#title, reason }),
      });
      yield { kind: "file", path: join(at, DUMP_FILE), content, mode: 0o600 };
      seen.after = await client.info(limited);
    } finally {
      limited.end();
    }
    if (acl !== undefined) yield { kind: "file", path: join(at, ACL_FILE), content: oneText(acl), mode: 0o600 };
  }

  #facts({ before, after, version, config, modules, rdb }: Seen): CaptureFacts {
    if (rdb === undefined || after === undefined) throw new Error("facts are asked for at the end");
    const valkey = before["valkey_version"];
    const seconds = Number(rdb.aux["ctime"]);
    const at = Number.isSafeInteger(seconds) && seconds > 0 ? new Date(seconds * 1000) : new Date();
    return {
      consistentAt: at.toISOString(),
      consistency: "application",
      tools: { [`${this.#settings.product}-cli`]: version },
      server: { product: valkey === undefined ? "Redis" : "Valkey", version: valkey ?? before["redis_version"] ?? "" },
      position: {
        "run-id": before["run_id"] ?? "",
        "replication-id": rdb.aux["repl-id"] ?? before["master_replid"] ?? "",
        "replication-offset": rdb.aux["repl-offset"] ?? before["master_repl_offset"] ?? "",
        "last-save": before["rdb_last_save_time"] ?? "",
      },
      detail: {
        format: rdb.magic,
        "has-checksum": rdb.hasChecksum,
        role: before["role"] ?? "",
        cluster: before["cluster_enabled"] === "1",
        config,
        modules,
        keys: { before: keysOf(before), after: keysOf(after) },
      },
    };
  }

  #unusable(reason: string): Error {
    return sourcesError("SOURCES_SETTINGS", { source: this.#title, reason });
  }
}

/** What is found out while it is captured. */
interface Seen {
  readonly before: Readonly<Record<string, string>>;
  readonly version: string;
  readonly config: Readonly<Record<string, string>>;
  readonly modules: readonly string[];
  rdb?: RdbFacts;
  after?: Readonly<Record<string, string>>;
}

async function* oneText(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
