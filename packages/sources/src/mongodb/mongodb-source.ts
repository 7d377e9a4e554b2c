/** A server of MongoDB, by mongodump and mongorestore. Written from their manuals and never run against a server. */
import { join } from "node:path";
import type { GivenEntry } from "@holdfast/engine";
import { z } from "zod";
import { atLeast } from "../content/plausible.ts";
import { limitTime } from "../content/time-limit.ts";
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
import { Programs } from "../programs/programs.ts";
import { collectionsOf } from "./collections.ts";
import { MongoClient, addressOf } from "./mongo-client.ts";
import { proveArchive } from "./prove-archive.ts";
import { type MongodbSettings, type ServerSettings, serverSettings } from "./settings.ts";
import { ARCHIVE_FILE, detailOf } from "./stored.ts";
import { wholeArchive } from "./whole-archive.ts";

const HELLO = z.object({
  version: z.string(),
  setName: z.string().optional(),
  lastWrite: z.string().optional(),
  isMongos: z.boolean(),
});
const HELLO_EXPRESSION = `(() => {
  const hello = db.hello();
  const optime = hello.lastWrite?.opTime?.ts;
  return {
    version: db.version(), setName: hello.setName, isMongos: hello.msg === "isdbgrid",
    lastWrite: optime === undefined ? undefined : optime.getHighBits() + ":" + optime.getLowBits(),
  };
})()`;

export class MongodbSource implements Source {
  readonly forms = [
    { name: "server", description: "into a server that has none of its collections" },
    { name: "folder", description: "as the archive in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: MongodbSettings;
  readonly #surroundings: SourceSurroundings;
  readonly #programs: Programs;

  constructor(name: string, settings: MongodbSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#programs = new Programs({ source: this.#title, environment: surroundings.environment });
  }

  async capture(options: CaptureOptions): Promise<Capture> {
    const { signal, onWarning } = options;
    signal.throwIfAborted();
    const client = await this.#client(this.#settings, { signal });
    const tool = await client.version("mongodump", { signal });
    const hello = HELLO.parse(await client.ask("admin", HELLO_EXPRESSION, { signal }));
    const { oplog } = this.#settings;
    if (hello.isMongos)
      throw this.#unusable("it is a router of a sharded cluster: make a source of each shard's replica set");
    if (oplog && hello.setName === undefined) {
      throw this.#unusable(
        "a server that is in no replica set has no oplog: set `oplog: false`, or make it a set of one member",
      );
    }
    if (!oplog) {
      const message = "what is written meanwhile is in some collections and not in others (oplog: false)";
      onWarning({ code: "not-one-moment", message });
    }
    const collections = await collectionsOf(client, { signal });
    const atMs = Date.now();
    return {
      paths: [captureFolder("mongodb", this.#name)],
      entries: this.#entries(client, signal),
      facts: () => ({
        consistentAt: new Date(oplog ? Date.now() : atMs).toISOString(),
        consistency: oplog ? "application" : "none",
        tools: { mongodump: tool },
        server: { product: "MongoDB", version: hello.version },
        position: hello.lastWrite === undefined ? {} : { "oplog-before": hello.lastWrite },
        detail: { oplog, collections, ...(hello.setName === undefined ? {} : { "replica-set": hello.setName }) },
      }),
      close: async () => {},
    };
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, overwrite = false, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    const { oplog, collections } = detailOf(captured);
    if (form === "folder") {
      const place = await restoreFiles(captured, { source: this.#title }, options);
      return { restored: [`the archive ${ARCHIVE_FILE}`], place, remaining: [] };
    }
    const server = changedSettings(serverSettings, this.#settings, options.settings, this.#title);
    const { host, port } = server;
    const client = await this.#client(server, { signal });
    const there = Object.keys(await collectionsOf(client, { signal }));
    const occupied = there.find((each) => each in collections);
    if (occupied !== undefined && !overwrite) {
      throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: `the collection ${occupied} of ${host}:${port}` });
    }
    onStep(`restoring into ${host}:${port}`);
    const args = ["--archive", ...(oplog ? ["--oplogReplay"] : []), ...(overwrite ? ["--drop"] : [])];
    const input = captured.read(ARCHIVE_FILE, { signal });
    for await (const _ of client.run("mongorestore", args, { signal, input })) signal.throwIfAborted();
    const count = Object.keys(collections).length;
    return { restored: [`${count} collections`], place: `${host}:${port}`, remaining: [] };
  }

  async prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport> {
    const { temporary } = this.#surroundings;
    return proveArchive(captured, { ...options, programs: this.#programs, settings: this.#settings, temporary });
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  /** Where the server is, and who asks. */
  async #client(settings: ServerSettings, { signal }: CallOptions): Promise<MongoClient> {
    const { password } = settings;
    const { temporary, secret } = this.#surroundings;
    const found = password === undefined ? undefined : await secret(password, this.#title, { signal });
    return new MongoClient(this.#programs, settings, addressOf(settings, found), temporary);
  }

  async *#entries(client: MongoClient, signal: AbortSignal): AsyncGenerator<GivenEntry> {
    const { oplog, "time-limit": ms, "minimum-size": least } = this.#settings;
    const source = this.#title;
    const limited = limitTime({ ms, what: "the capture", source, setting: "time-limit" }, { signal });
    try {
      const dump = client.run("mongodump", ["--archive", ...(oplog ? ["--oplog"] : [])], limited);
      const broken = (reason: string): Error =>
        sourcesError("SOURCES_TOOL_FAILED", { tool: "mongodump", source, reason });
      const path = join(captureFolder("mongodb", this.#name), ARCHIVE_FILE);
      yield { kind: "file", path, content: wholeArchive(atLeast(dump, least, source), broken), mode: 0o600 };
    } finally {
      limited.end();
    }
  }

  #unusable(reason: string): Error {
    return sourcesError("SOURCES_SETTINGS", { source: this.#title, reason });
  }
}
