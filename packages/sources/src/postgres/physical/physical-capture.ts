/**
 * A base backup: the files of a cluster, copied while the server works, with the WAL that makes them whole. The files are read where they
 * lie, so that what has not changed since the last one need not be read.
 */
import { type FileHandle, lstat, open, readFile, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import { isHoldfastError, messageOf, systemCode } from "@holdfast/base";
import type { AlreadyStored, GivenEntry, GivenMetadata } from "@holdfast/engine";
import { captureFolder } from "../../contract/capture-folder.ts";
import type { CaptureFacts } from "../../contract/facts.ts";
import type { CallOptions, Capture, CaptureOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { Connection } from "../connection.ts";
import { explained } from "../failures.ts";
import type { MethodParts } from "../method.ts";
import { BackupSession, type EndedBackup, type StartedBackup } from "./backup-session.ts";
import { CONTROL_FILE, dataFiles, ifAbsent } from "./data-files.ts";
import { EarlierFiles } from "./earlier-files.ts";
import { CONFIGURATION, DATA, POSITION, type PhysicalDetail, TABLESPACES } from "./physical-facts.ts";
import { WAL_HEADER_BYTES, parseWalHeader } from "./wal-header.ts";
import { parseLsn, segmentName, segmentNumber } from "./wal-names.ts";
import { requireReadRights } from "./rights.ts";
import { captureStream } from "./stream-capture.ts";
import { runningServer } from "./running-server.ts";
import { clusterIdentifier } from "./wal-format.ts";

/** The server writes its start down in whole seconds. */
const SAME_START_MS = 2_500;
const READ_BYTES = 1024 * 1024;

/** @throws as the contract says, and SOURCES_UNSUPPORTED where the files cannot be read here */
export async function capturePhysical(parts: MethodParts, { signal, onWarning }: CaptureOptions): Promise<Capture> {
  signal.throwIfAborted();
  const { settings, surroundings, source, name } = parts;
  const connection = await Connection.open(settings, surroundings, { source, needed: ["psql"] }, { signal });
  const isFast = settings.checkpoint === "fast";
  let session: BackupSession | undefined;
  const close = async (): Promise<void> => {
    await session?.end();
    await connection.close();
  };
  try {
    const folder = await readableFolder(parts, connection, { signal });
    if (folder === undefined) return await captureStream(parts, { connection, isFast }, { signal });
    await requireReadRights(connection, settings.database, { signal });
    const stream = await readableCluster(folder, source);
    session = await BackupSession.open(connection, settings.database, { signal });
    const beganAtMs = Date.now();
    const { isStandby } = connection.server;
    const started = await session.start({ isFast });
    const reading = new PhysicalReading(
      parts,
      { session, started, folder, stream, isStandby, beganAtMs },
      { signal, onWarning },
    );
    return {
      paths: [captureFolder("postgres", name)],
      entries: reading.entries(undefined),
      entriesBeside: (stored) => reading.entries(stored),
      facts: () => reading.facts(connection),
      close,
    };
  } catch (error) {
    await close();
    signal.throwIfAborted();
    throw explained(error, source, connection.server.role);
  }
}

/** The data folder, where it can be read here; `undefined` where the server has to send it. */
async function readableFolder(
  { settings }: MethodParts,
  connection: Connection,
  options: CallOptions,
): Promise<string | undefined> {
  const { transfer, database, "data-folder": named } = settings;
  if (transfer === "stream") return undefined;
  if (named !== undefined) return named;
  try {
    const folder = await folderOf(connection, database, options);
    if (transfer === "files") return folder;
    const server = await runningServer(folder);
    return server !== undefined && (await clusterIdentifier(folder)) !== undefined ? folder : undefined;
  } catch (error) {
    // It may not be told; then it cannot be looked at either.
    if (transfer === "auto" && isHoldfastError(error, "SOURCES_TOOL_FAILED")) return undefined;
    throw error;
  }
}

async function folderOf(connection: Connection, database: string, options: CallOptions): Promise<string> {
  const query = "SELECT current_setting('data_directory') AS folder";
  return (await connection.psql.row<{ folder: string }>(database, query, options)).folder;
}

/** @returns the system identifier @throws SOURCES_UNSUPPORTED */
async function readableCluster(folder: string, source: string): Promise<string> {
  const stream = await clusterIdentifier(folder);
  if (stream !== undefined) return stream;
  throw sourcesError("SOURCES_UNSUPPORTED", {
    source,
    what: "a base backup",
    reason: `the data folder ${folder} cannot be read here: run this on the server's host, as root or as the user of the server, or name the folder with the setting data-folder`,
  });
}

interface Reading {
  readonly session: BackupSession;
  readonly started: StartedBackup;
  /** The data folder as this machine sees it. */
  readonly folder: string;
  readonly stream: string;
  readonly isStandby: boolean;
  readonly beganAtMs: number;
}

type ReadingOptions = Pick<CaptureOptions, "signal" | "onWarning">;

class PhysicalReading {
  readonly #parts: MethodParts;
  readonly #reading: Reading;
  readonly #options: ReadingOptions;
  readonly #root: string;
  #ended: EndedBackup | undefined;
  #sizeBytes = 0;
  #journalFrom = "";

  constructor(parts: MethodParts, reading: Reading, options: ReadingOptions) {
    this.#parts = parts;
    this.#reading = reading;
    this.#options = options;
    this.#root = captureFolder("postgres", parts.name);
  }

  async *entries(stored: AlreadyStored | undefined): AsyncGenerator<GivenEntry> {
    const { folder, started, stream, session } = this.#reading;
    const { name, surroundings, source } = this.#parts;
    const identity = { name, hostname: surroundings.hostname, stream, timeline: started.timeline };
    const earlier = stored && (await EarlierFiles.of(stored, identity, this.#options));
    await this.#requireSame();
    yield* this.#folder(folder, DATA, earlier, false);
    for (const oid of started.tablespaces.keys()) {
      const link = join(folder, "pg_tblspc", oid);
      const target = await realpath(link).catch(ifAbsent);
      // One that was dropped meanwhile: the WAL says so.
      if (target !== undefined) yield* this.#folder(target, `${TABLESPACES}/${oid}`, earlier, true);
    }
    yield* this.#configuration();
    yield await this.#control();
    let ended: EndedBackup;
    try {
      ended = await session.stop();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw explained(error, source, "that we are");
    }
    this.#ended = ended;
    yield* this.#wal(ended);
    yield this.#text(`${DATA}/backup_label`, ended.label);
    if (ended.tablespaceMap !== "") yield this.#text(`${DATA}/tablespace_map`, ended.tablespaceMap);
  }

  facts({ server, tools }: Connection): CaptureFacts {
    const { started, stream, beganAtMs } = this.#reading;
    const ended = this.#ended as EndedBackup;
    const detail: PhysicalDetail = {
      method: "physical",
      superuser: started.superuser,
      databases: [...started.databases],
      needed: { ...started.needed },
      tablespaces: [...started.tablespaces].map(([oid, location]) => ({ oid, location })),
      sizeBytes: this.#sizeBytes,
      beganAtMs,
    };
    return {
      consistentAt: new Date(ended.endedAtMs).toISOString(),
      consistency: "application",
      tools: { psql: tools.version },
      server: { product: "PostgreSQL", version: server.version },
      position: {
        [POSITION.stream]: stream,
        [POSITION.timeline]: String(ended.timeline),
        [POSITION.start]: ended.startLsn,
        [POSITION.stop]: ended.stopLsn,
        [POSITION.journalFrom]: this.#journalFrom,
      },
      detail,
    };
  }

  /** A folder with another state than that of the server would make a backup that cannot be recovered. */
  async #requireSame(): Promise<void> {
    const { folder, started, stream } = this.#reading;
    const server = await runningServer(folder);
    const isSame =
      started.systemIdentifier === stream &&
      server !== undefined &&
      Math.abs(server.startedAtMs - started.startedAtMs) < SAME_START_MS;
    if (!isSame) throw this.#failed(`${folder} is not the data folder of the server that answers`);
  }

  async *#folder(
    root: string,
    at: string,
    earlier: EarlierFiles | undefined,
    isTablespace: boolean,
  ): AsyncGenerator<GivenEntry> {
    yield { kind: "folder", path: `${this.#root}/${at}`, ...(await metadataOf(root)) };
    const { signal, onWarning } = this.#options;
    const onLink = (path: string): void => {
      const message = `${join(root, path)} is a link, and what it leads to is not captured: make a source of kind files of it`;
      onWarning({ code: "link-left-out", message });
    };
    for await (const { path, isFolder } of dataFiles(root, { isTablespace }, { signal, onLink })) {
      const from = join(root, path);
      const to = `${at}/${path}`;
      if (isFolder) yield { kind: "folder", path: `${this.#root}/${to}`, ...(await metadataOf(from)) };
      else yield* this.#file(from, to, earlier);
    }
  }

  async *#file(from: string, to: string, earlier?: EarlierFiles): AsyncGenerator<GivenEntry> {
    const file = await this.#open(from);
    if (file === undefined) return;
    try {
      const { size, mtimeNs, mode, uid, gid } = await file.stat({ bigint: true });
      const path = `${this.#root}/${to}`;
      const node = await earlier?.unchanged(to, { size: Number(size), mtimeNs }, this.#options);
      this.#sizeBytes += Number(size);
      if (node !== undefined) {
        yield { kind: "stored", path, node };
        return;
      }
      const metadata = { mode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid), mtimeNs };
      yield { kind: "file", path, content: this.#content(file, from), ...metadata };
    } finally {
      await file.close();
    }
  }

  /** `undefined` for one that is gone. @throws SOURCES_TOOL_FAILED: a file that cannot be read would be missing */
  async #open(path: string): Promise<FileHandle | undefined> {
    try {
      return await open(path, "r");
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw this.#failed(`${path} cannot be read: ${messageOf(error)}`, error);
    }
  }

  async *#content(file: FileHandle, path: string): AsyncGenerator<Uint8Array> {
    const { signal } = this.#options;
    try {
      for (let at = 0; ;) {
        signal.throwIfAborted();
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, at);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      throw this.#failed(`${path} cannot be read: ${messageOf(error)}`, error);
    }
  }

  /** The server writes it in one piece of a sector; one that was read twice alike was not read in the middle of that. */
  async #control(): Promise<GivenEntry> {
    const path = join(this.#reading.folder, CONTROL_FILE);
    let bytes = await readFile(path);
    for (let again = await readFile(path); !again.equals(bytes); again = await readFile(path)) bytes = again;
    return {
      kind: "file",
      path: `${this.#root}/${DATA}/${CONTROL_FILE}`,
      content: only(bytes),
      ...(await metadataOf(path)),
    };
  }

  /** What makes the copied files whole: from the beginning of the backup to its end. */
  async *#wal({ startSegment, timeline, stopLsn }: EndedBackup): AsyncGenerator<GivenEntry> {
    const { folder } = this.#reading;
    const segmentBytes = await this.#segmentBytes(startSegment);
    // A place at the very beginning of a segment is the end of the one before.
    const end = ((parseLsn(stopLsn) ?? 1n) - 1n) / BigInt(segmentBytes);
    for (let at = segmentNumber(startSegment, segmentBytes); at <= end; at++) {
      const name = segmentName(timeline, at, segmentBytes);
      let isThere = false;
      for await (const entry of this.#file(join(folder, "pg_wal", name), `${DATA}/pg_wal/${name}`)) {
        isThere = true;
        yield entry;
      }
      if (!isThere) {
        throw this.#failed(
          `the server has removed the WAL segment ${name} that the backup needs; raise max_slot_wal_keep_size or wal_keep_size`,
        );
      }
    }
    // The end of a backup ends a segment; but a standby cannot do that.
    this.#journalFrom = segmentName(timeline, this.#reading.isStandby ? end : end + 1n, segmentBytes);
    const history = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
    yield* this.#file(join(folder, "pg_wal", history), `${DATA}/pg_wal/${history}`);
  }

  async #segmentBytes(name: string): Promise<number> {
    const path = join(this.#reading.folder, "pg_wal", name);
    const file = await this.#open(path);
    try {
      const read = await file?.read(Buffer.alloc(WAL_HEADER_BYTES), 0, WAL_HEADER_BYTES, 0);
      const header = read === undefined ? undefined : parseWalHeader(read.buffer.subarray(0, read.bytesRead));
      if (header !== undefined) return header.segmentBytes;
    } finally {
      await file?.close();
    }
    throw this.#failed(`the WAL segment ${name}, with which the backup began, is gone or is none`);
  }

  /** Files that say how the server works, where they lie elsewhere, as Debian has them. */
  async *#configuration(): AsyncGenerator<GivenEntry> {
    const { folder, started } = this.#reading;
    for (const [name, path] of Object.entries(started.configurationFiles)) {
      if (!posix.isAbsolute(path) || path.startsWith(`${started.dataFolder}/`) || path.startsWith(`${folder}/`))
        continue;
      yield* this.#file(path, `${CONFIGURATION}/${name}`);
    }
  }

  #text(path: string, text: string): GivenEntry {
    return { kind: "file", path: `${this.#root}/${path}`, content: only(Buffer.from(text)), mode: 0o600 };
  }

  #failed(reason: string, cause?: unknown): Error {
    return sourcesError("SOURCES_TOOL_FAILED", { tool: "the base backup", source: this.#parts.source, reason }, cause);
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function metadataOf(path: string): Promise<GivenMetadata> {
  const found = await lstat(path, { bigint: true }).catch(ifAbsent);
  // A link in the place of a folder allows everything, which is not meant for the folder.
  if (found === undefined || found.isSymbolicLink()) return { mode: 0o700 };
  return { mode: Number(found.mode) & 0o7777, uid: Number(found.uid), gid: Number(found.gid), mtimeNs: found.mtimeNs };
}
