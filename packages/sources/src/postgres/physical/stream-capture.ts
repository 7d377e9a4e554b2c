/** A base backup that the server sends, from wherever it runs: by pg_basebackup, whose archive is taken apart into its files. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { GivenEntry } from "@holdfast/engine";
import { z } from "zod";
import { captureFolder } from "../../contract/capture-folder.ts";
import type { CaptureFacts } from "../../contract/facts.ts";
import type { CallOptions, Capture } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type Connection, connectionError } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import { type ServerFacts, TABLESPACES_QUERY, readServerFacts } from "./server-facts.ts";
import { DATA, POSITION, type PhysicalDetail } from "./physical-facts.ts";
import { WAL_FOLDER } from "./recovery.ts";
import { requireReplication } from "./rights.ts";
import { type TarMember, tarMembers } from "./tar-members.ts";
import { parseWalHeader } from "./wal-header.ts";
import { parseLsn, segmentName, walFileType } from "./wal-names.ts";

const MANIFEST_FILE = "backup_manifest";
/** A hundred thousand files take some 20 MB. */
const MAX_MANIFEST_BYTES = 512 * 1024 * 1024;
const MANIFEST = z.object({
  "WAL-Ranges": z
    .array(z.object({ Timeline: z.int().positive(), "Start-LSN": z.string(), "End-LSN": z.string() }))
    .min(1),
});

/** @throws SOURCES_UNSUPPORTED where there are tablespaces, SOURCES_TOOL_MISSING */
export async function captureStream(
  parts: MethodParts,
  { connection, isFast }: { connection: Connection; isFast: boolean },
  options: CallOptions,
): Promise<Capture> {
  const { settings, source, name } = parts;
  const { psql } = connection;
  await connection.programs.require(connection.tool("pg_basebackup"));
  await requireReplication(connection, settings.database, options);
  const server = await readServerFacts((query) => psql.row(settings.database, query, options));
  const spaces = await psql.rows<{ location: string }>(settings.database, TABLESPACES_QUERY, options);
  if (spaces.length > 0) {
    throw sourcesError("SOURCES_UNSUPPORTED", {
      source,
      what: "a base backup that the server sends",
      reason: `it has tablespaces (${spaces.map(({ location }) => location).join(", ")}), which do not fit into one stream: run this on the server's host, as root or as the user of the server`,
    });
  }
  const reading = new StreamReading(parts, { connection, server, isFast, beganAtMs: Date.now() }, options);
  return {
    paths: [captureFolder("postgres", name)],
    entries: reading.entries(),
    facts: () => reading.facts(),
    close: () => connection.close(),
  };
}

interface Reading {
  readonly connection: Connection;
  readonly server: ServerFacts;
  readonly isFast: boolean;
  readonly beganAtMs: number;
}

class StreamReading {
  readonly #parts: MethodParts;
  readonly #reading: Reading;
  readonly #options: CallOptions;
  #sizeBytes = 0;
  #segmentBytes = 0;
  #manifest: Uint8Array[] = [];
  #endedAtMs = 0;

  constructor(parts: MethodParts, reading: Reading, options: CallOptions) {
    this.#parts = parts;
    this.#reading = reading;
    this.#options = options;
  }

  async *entries(): AsyncGenerator<GivenEntry> {
    const { connection, isFast } = this.#reading;
    const { source, name } = this.#parts;
    const args = ["--pgdata=-", "--format=tar", "--wal-method=fetch", `--checkpoint=${isFast ? "fast" : "spread"}`];
    const call = connection.callOf("pg_basebackup", [...args, "--label=holdfast"]);
    const root = `${captureFolder("postgres", name)}/${DATA}`;
    try {
      yield { kind: "folder", path: root, mode: 0o700 };
      for await (const member of tarMembers(connection.programs.stream(call, this.#options))) {
        const path = `${root}/${member.path}`;
        const metadata = { mode: member.mode, mtimeNs: BigInt(member.changedAtS) * 1_000_000_000n };
        if (member.path === "" || member.path.split("/")[0] === WAL_FOLDER) continue;
        if (member.type === "folder") yield { kind: "folder", path, ...metadata };
        else if (member.type === "file") yield { kind: "file", path, content: this.#content(member), ...metadata };
      }
      this.#endedAtMs = Date.now();
      this.#range();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (isHoldfastError(error)) throw connectionError(error, source);
      throw this.#failed(messageOf(error), error);
    }
  }

  facts(): CaptureFacts {
    const { connection, server, beganAtMs } = this.#reading;
    const { Timeline: timeline, "Start-LSN": start, "End-LSN": stop } = this.#range();
    const end = ((parseLsn(stop) ?? 1n) - 1n) / BigInt(this.#segmentBytes);
    const { isStandby, version } = connection.server;
    const detail: PhysicalDetail = {
      method: "physical",
      superuser: server.superuser,
      databases: [...server.databases],
      needed: { ...server.needed },
      tablespaces: [],
      sizeBytes: this.#sizeBytes,
      beganAtMs,
    };
    return {
      // By our clock, when all of it had come: the server says no time, and it is no later than this.
      consistentAt: new Date(this.#endedAtMs).toISOString(),
      consistency: "application",
      tools: { pg_basebackup: connection.tools.version },
      server: { product: "PostgreSQL", version },
      position: {
        [POSITION.stream]: server.systemIdentifier,
        [POSITION.timeline]: String(timeline),
        [POSITION.start]: start,
        [POSITION.stop]: stop,
        [POSITION.journalFrom]: segmentName(timeline, isStandby ? end : end + 1n, this.#segmentBytes),
      },
      detail,
    };
  }

  async *#content({ path, content, sizeBytes }: TarMember): AsyncGenerator<Uint8Array> {
    const isManifest = path === MANIFEST_FILE && sizeBytes <= MAX_MANIFEST_BYTES;
    let isFirst = path.startsWith("pg_wal/") && walFileType(path.slice("pg_wal/".length)) === "segment";
    for await (const piece of content) {
      if (isFirst) this.#segmentBytes ||= parseWalHeader(piece)?.segmentBytes ?? sizeBytes;
      isFirst = false;
      if (isManifest) this.#manifest.push(Buffer.from(piece));
      this.#sizeBytes += piece.length;
      yield piece;
    }
  }

  /** From where to where the WAL is needed, as the server says at the end. */
  #range(): z.infer<typeof MANIFEST>["WAL-Ranges"][number] {
    try {
      const parsed = MANIFEST.parse(JSON.parse(Buffer.concat(this.#manifest).toString("utf8")));
      const range = parsed["WAL-Ranges"].at(-1);
      if (range !== undefined && this.#segmentBytes > 0) return range;
    } catch (error) {
      throw this.#failed("its manifest is missing, or no manifest", error);
    }
    throw this.#failed("the WAL is missing in it");
  }

  #failed(reason: string, cause?: unknown): Error {
    return sourcesError("SOURCES_TOOL_FAILED", { tool: "pg_basebackup", source: this.#parts.source, reason }, cause);
  }
}
