/**
 * A SQLite database that others may be writing to. It is copied page by page under one read transaction, so that the copy shows
 * one moment; copying the file would give a torn one, or miss what is still in its write-ahead log.
 */
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import type { GivenEntry } from "@holdfast/engine";
import { captureFolder } from "../contract/capture-folder.ts";
import type { CapturedTree } from "../contract/captured-tree.ts";
import { chosenForm } from "../contract/forms.ts";
import { namedFolder } from "../contract/restore-files.ts";
import { NO_SETTINGS, changedSettings, restoreSettings } from "../contract/restore-settings.ts";
import type {
  CallOptions,
  Capture,
  CaptureOptions,
  ProofCheck,
  ProofReport,
  ProveOptions,
  RestoreOptions,
  RestoreReport,
  Source,
} from "../contract/source.ts";
import type { SourceSurroundings } from "../contract/surroundings.ts";
import { sourcesError } from "../errors.ts";
import { requireEmptyFolder } from "../host/empty-folder.ts";
import { requireRoom } from "../host/room.ts";
import { lookAt } from "../proofs/look-at.ts";
import { type Answer, judgeAnswer, sqlOf } from "../proofs/queries.ts";
import { SQLITE_HEADER } from "./files.ts";
import { putInPlace } from "./put-in-place.ts";
import { runTask } from "./run-task.ts";
import { type SqliteSettings, sqliteSettings } from "./settings.ts";

export class SqliteSource implements Source {
  readonly forms = [
    { name: "file", description: "in its place, or in that of another path" },
    { name: "folder", description: "as a file in an empty folder" },
  ];
  readonly #name: string;
  readonly #settings: SqliteSettings;
  readonly #surroundings: SourceSurroundings;

  constructor(name: string, settings: SqliteSettings, surroundings: SourceSurroundings) {
    this.#name = name;
    this.#settings = settings;
    this.#surroundings = surroundings;
  }

  async capture({ signal, onWarning }: CaptureOptions): Promise<Capture> {
    signal.throwIfAborted();
    const { path, check } = this.#settings;
    const original = await this.#examine(path);
    await requireRoom(this.#surroundings.temporary, original.size, this.#title);
    const folder = await mkdtemp(join(this.#surroundings.temporary, "sqlite-"));
    const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
    const copy = join(folder, "copy");
    try {
      const copied = await runTask({ kind: "copy", from: path, to: copy }, this.#title, { signal });
      const problems = check === "none" ? [] : await this.#problems(copy, check, { signal });
      if (problems.length > 0) {
        const message = `${path} is damaged itself, and was stored as it is: ${problems.slice(0, 3).join("; ")}`;
        onWarning({ code: "damaged-source", message });
      }
      return {
        paths: [captureFolder("sqlite", this.#name)],
        entries: this.#entries(copy, original),
        facts: () => ({
          consistentAt: new Date(copied.atMs).toISOString(),
          consistency: "application",
          tools: { sqlite: process.versions["sqlite"] ?? "" },
          server: { product: "SQLite", version: "3" },
          position: {},
          detail: { path, file: basename(path), journal: copied.journal, pages: copied.pages, problems },
        }),
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport> {
    const { signal, overwrite = false, onStep } = options;
    const form = chosenForm(this.forms, options.form, this.#title);
    const file = fileIn(captured);
    if (form === "folder") {
      restoreSettings(NO_SETTINGS, options.settings, this.#title);
      const folder = namedFolder(options, this.#title);
      const path = join(folder, file);
      onStep(`writing ${path}`);
      await requireEmptyFolder(folder, { overwrite });
      await putInPlace(captured, { file, path, overwrite, source: this.#title, signal });
      return { restored: [`the database ${file}`], place: path, remaining: [] };
    }
    const place = sqliteSettings.pick({ path: true });
    const { path } = changedSettings(place, this.#settings, options.settings, this.#title);
    onStep(`writing ${path}`);
    const former = await putInPlace(captured, { file, path, overwrite, source: this.#title, signal });
    const remaining =
      former === undefined ? [] : [`The database that was there is now ${former}: remove it when nobody needs it.`];
    return { restored: [`the database ${file}`], place: path, remaining };
  }

  async prove(captured: CapturedTree, { scratch, signal, onStep }: ProveOptions): Promise<ProofReport> {
    const beganMs = performance.now();
    const file = fileIn(captured);
    onStep("restoring to a temporary folder");
    await captured.extract(file, scratch, { signal });
    const path = join(scratch, file);
    onStep("examining every page");
    const ask = async (sql: string): Promise<Answer> =>
      (await runTask({ kind: "query", path, sql }, this.#title, { signal })).answer;
    const checks: ProofCheck[] = [
      await lookAt("integrity and foreign keys", { signal }, async () => {
        const problems = await this.#problems(path, "full", { signal });
        return { passed: problems.length === 0, detail: problems.length === 0 ? "ok" : problems.join("; ") };
      }),
      await lookAt("schema can be read", { signal }, async () => {
        const tables = await ask("SELECT count(*) FROM sqlite_schema WHERE type = 'table'");
        return { passed: true, detail: `tables: ${String(tables)}` };
      }),
    ];
    const usableAfterMs = checks.every(({ passed }) => passed) ? performance.now() - beganMs : undefined;
    for (const query of this.#settings.queries) {
      const sql = sqlOf(query);
      onStep(`asking ${sql}`);
      checks.push(await lookAt(sql, { signal }, async () => judgeAnswer(query, await ask(sql))));
    }
    return { checks, usableAfterMs };
  }

  get #title(): string {
    return `source ${this.#name}`;
  }

  async *#entries(copy: string, { mode, uid, gid, mtimeNs }: Original): AsyncGenerator<GivenEntry> {
    const path = join(captureFolder("sqlite", this.#name), basename(this.#settings.path));
    const content = createReadStream(copy, { highWaterMark: 1024 * 1024 });
    yield { kind: "file", path, content, mode: mode & 0o7777, uid, gid, mtimeNs };
  }

  /** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_SETTINGS when it is no database */
  async #examine(path: string): Promise<Original> {
    const source = this.#title;
    let header: string;
    let found: Original;
    try {
      const file = await open(path, "r");
      try {
        const { mode, uid, gid, size, mtimeNs } = await file.stat({ bigint: true });
        found = { mode: Number(mode), uid: Number(uid), gid: Number(gid), size: Number(size), mtimeNs };
        const { buffer, bytesRead } = await file.read(Buffer.alloc(SQLITE_HEADER.length), 0, SQLITE_HEADER.length, 0);
        header = buffer.subarray(0, bytesRead).toString("latin1");
      } finally {
        await file.close();
      }
    } catch (error) {
      const isRefused = ["EACCES", "EPERM"].includes(systemCode(error) ?? "");
      throw sourcesError(
        isRefused ? "SOURCES_CREDENTIALS" : "SOURCES_UNREACHABLE",
        { source, reason: messageOf(error) },
        error,
      );
    }
    if (header !== SQLITE_HEADER)
      throw sourcesError("SOURCES_SETTINGS", { source, reason: `${path} is no SQLite database` });
    return found;
  }

  async #problems(path: string, how: "quick" | "full", options: CallOptions): Promise<readonly string[]> {
    return (await runTask({ kind: "check", path, how }, this.#title, options)).problems;
  }
}

interface Original {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** The name of the database's file in a capture. @throws SOURCES_DAMAGED */
function fileIn({ facts }: CapturedTree): string {
  const { file } = facts.detail;
  if (typeof file === "string" && file !== "" && basename(file) === file && !file.startsWith(".")) return file;
  throw sourcesError("SOURCES_DAMAGED", { what: "capture.json", reason: "it does not name the database's file" });
}
