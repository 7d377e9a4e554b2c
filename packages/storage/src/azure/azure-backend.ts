/** A repository in a container of Azure's blob storage, laid out as restic does. */
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  LoadOptions,
  SaveOptions,
} from "../backend.ts";
import { loadNothing } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import type { HttpAnswer } from "../http/http-answer.ts";
import { isForLoading, loadBody, rangeHeader } from "../http/read-body.ts";
import { type XmlEntry, readXmlEntries } from "../http/xml-entries.ts";
import { assertRange, folderOf, isFileName, pathOf } from "../keys.ts";
import { AzureCalls, type AzureCallsOptions } from "./azure-calls.ts";

const DEFAULT_CONNECTIONS = 16;
const MOST_CONNECTIONS = 64;
const LISTED = new Set(["Blob", "NextMarker"]);

export interface AzureOptions extends AzureCallsOptions {
  readonly connections?: number;
  /** `Hot`, `Cool` or `Cold`, for packs. Default: that of the account. */
  readonly accessTier?: string;
}

export class AzureBackend implements Backend {
  readonly location: string;
  readonly capabilities: Capabilities;
  readonly #calls: AzureCalls;
  readonly #prefix: string;
  readonly #accessTier: string | undefined;

  constructor(options: AzureOptions) {
    this.#calls = new AzureCalls(options);
    this.location = this.#calls.location;
    this.#prefix = options.place.prefix;
    this.#accessTier = options.accessTier;
    this.capabilities = {
      atomicReplace: true,
      conditionalPut: true,
      serverTime: true,
      maxConcurrency: options.connections ?? DEFAULT_CONNECTIONS,
      ...(options.connections === undefined ? { mostConcurrency: MOST_CONNECTIONS } : {}),
      settleMs: 0,
    };
  }

  /** There are no folders to make; the container must be there. @throws STORAGE_NO_PLACE */
  async initialize({ signal }: CallOptions): Promise<void> {
    const query = { restype: "container", comp: "list", prefix: this.#prefix, maxresults: "1" };
    await this.#calls.call({ method: "GET", query, signal }, async (answer) => {
      if (answer.status !== 200) throw this.#calls.refused(answer, "");
    });
  }

  async save(key: FileKey, source: ByteSource, { signal, ifAbsent = false }: SaveOptions): Promise<void> {
    const blob = this.#blobOf(key);
    signal.throwIfAborted();
    const headers = {
      "x-ms-blob-type": "BlockBlob",
      "content-type": "application/octet-stream",
      ...(ifAbsent ? { "if-none-match": "*" } : {}),
      ...(this.#accessTier !== undefined && key.type === "pack" ? { "x-ms-access-tier": this.#accessTier } : {}),
    };
    await this.#calls.call({ method: "PUT", blob, headers, body: { key, source }, signal }, async (answer) => {
      if (answer.status === 201) return;
      if (ifAbsent && (answer.status === 409 || answer.status === 412) && isThere(answer)) {
        throw storageError("STORAGE_EXISTS", { location: this.location, ...key });
      }
      throw this.#calls.refused(answer, pathOf(key));
    });
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const blob = this.#blobOf(key);
    assertRange(range);
    const { signal } = options;
    signal.throwIfAborted();
    if (range?.length === 0) return loadNothing(this, key, range, consume, { signal });
    const wanted = { location: this.location, key, range };
    const headers = range === undefined ? {} : { range: rangeHeader(range) };
    return this.#calls.call({ method: "GET", blob, headers, signal }, async (answer) => {
      if (isMissingBlob(answer)) throw this.#notFound(key);
      if (!isForLoading(answer)) {
        throw this.#calls.refused(answer, pathOf(key));
      }
      return loadBody(answer, wanted, consume, options);
    });
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    const blob = this.#blobOf(key);
    signal.throwIfAborted();
    return this.#calls.call({ method: "HEAD", blob, signal }, async (answer) => {
      if (isMissingBlob(answer)) return undefined;
      if (answer.status !== 200 || answer.contentLength === undefined) throw this.#calls.refused(answer, pathOf(key));
      return fileInfo(key.name, answer.contentLength, answer.header("last-modified"));
    });
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncGenerator<FileInfo> {
    signal.throwIfAborted();
    if (type === "config") {
      const info = await this.stat({ type, name: "" }, { signal });
      if (info !== undefined) yield info;
      return;
    }
    const prefix = `${this.#prefix}${folderOf(type)}/`;
    let marker = "";
    do {
      const query = {
        restype: "container",
        comp: "list",
        prefix,
        maxresults: "5000",
        ...(marker === "" ? {} : { marker }),
      };
      const answer = await this.#calls.send({ method: "GET", query, signal });
      marker = "";
      try {
        if (answer.status !== 200) throw this.#calls.refused(answer, folderOf(type));
        for await (const entry of readXmlEntries(answer.chunks(), LISTED, this.location)) {
          if (entry.element === "NextMarker") marker = entry.text;
          const info = entry.element === "Blob" ? this.#listedInfo(entry, type) : undefined;
          if (info !== undefined) yield info;
          signal.throwIfAborted();
        }
      } finally {
        answer.release();
      }
    } while (marker !== "");
  }

  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    const blob = this.#blobOf(key);
    signal.throwIfAborted();
    await this.#calls.call({ method: "DELETE", blob, signal }, async (answer) => {
      if (answer.status === 202) return;
      if (isMissingBlob(answer)) throw this.#notFound(key);
      throw this.#calls.refused(answer, pathOf(key));
    });
  }

  async close(): Promise<void> {
    this.#calls.close();
  }

  /** Foreign names, and files in a folder that is not theirs, are skipped. */
  #listedInfo({ fields }: XmlEntry, type: FileType): FileInfo | undefined {
    const path = fields.get("Name") ?? "";
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!isFileName(type, name) || path !== this.#blobOf({ type, name })) return undefined;
    const size = fields.get("Properties/Content-Length") ?? "";
    if (!/^\d{1,15}$/.test(size)) return undefined;
    return fileInfo(name, Number(size), fields.get("Properties/Last-Modified"));
  }

  #blobOf(key: FileKey): string {
    return this.#prefix + pathOf(key);
  }

  #notFound(key: FileKey): Error {
    return storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
  }
}

/** A container that is missing is another matter. Answers to HEAD have no body, but the header all the same. */
function isMissingBlob(answer: HttpAnswer): boolean {
  return answer.status === 404 && (answer.header("x-ms-error-code") ?? "BlobNotFound") === "BlobNotFound";
}

function isThere(answer: HttpAnswer): boolean {
  const code = answer.header("x-ms-error-code");
  return code === "BlobAlreadyExists" || code === "ConditionNotMet" || code === "BlobImmutableDueToPolicy";
}

function fileInfo(name: string, sizeBytes: number, modified: string | undefined): FileInfo {
  const receivedAtMs = Date.parse(modified ?? "");
  return Number.isNaN(receivedAtMs) ? { name, sizeBytes } : { name, sizeBytes, receivedAtMs };
}
