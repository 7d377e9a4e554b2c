/** The calls of WebDAV (RFC 4918) that a repository needs, on paths relative to it. */
import type { Secret } from "@holdfast/base";
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import type { HttpAddress } from "../http/http-address.ts";
import type { HttpAnswer } from "../http/http-answer.ts";
import { HttpClient, type HttpPatience, type HttpRequest } from "../http/http-client.ts";
import { fromStatus } from "../http/http-errors.ts";
import type { HttpSettings } from "../http/http-settings.ts";
import { readXmlEntries } from "../http/xml-entries.ts";

const HOW_TO_LOG_IN =
  "Set HOLDFAST_WEBDAV_USERNAME and HOLDFAST_WEBDAV_PASSWORD, or write webdav:https://user:password@host/.";
const WHAT_IS_ASKED = Buffer.from(
  '<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>',
);
/** The body of a question has no file; a size that is off would be our own mistake. */
const NO_KEY: FileKey = { type: "config", name: "" };

export interface WebdavOptions {
  readonly address: HttpAddress;
  readonly settings: HttpSettings;
  readonly authorization?: Secret | undefined;
  readonly connections?: number;
  readonly patience?: Partial<HttpPatience>;
}

/** What a folder holds. */
export interface DavEntry {
  /** The last part of its path, decoded. */
  readonly name: string;
  readonly isFolder: boolean;
  readonly sizeBytes: number | undefined;
  /** When it was stored last, by the server's clock. */
  readonly modifiedAtMs: number | undefined;
}

export class WebdavCalls {
  readonly location: string;
  readonly #address: HttpAddress;
  readonly #client: HttpClient;

  constructor({ address, settings, authorization, patience }: WebdavOptions) {
    this.location = address.shown;
    this.#address = address;
    this.#client = new HttpClient({ ...address, location: address.shown, settings, authorization, patience });
  }

  /** Sends a request to a path below the repository and hands the answer to `use`. */
  call<T>(request: HttpRequest, use: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    return this.#client.exchange({ ...request, path: this.#address.path + request.path }, use);
  }

  /** Returns the status of a call of which that is all that matters. */
  status(request: HttpRequest): Promise<number> {
    return this.call(request, async ({ status }) => status);
  }

  /** Makes one folder; its parent must be there. Harmless when it is there already. */
  async makeFolder(path: string, { signal }: CallOptions): Promise<void> {
    const isMade = await this.#make(this.#address.path + path, { signal });
    if (!isMade)
      throw storageError("STORAGE_NO_PLACE", { location: this.location, what: "the folder of the repository" });
  }

  /** Makes the folder of the repository with those above it. */
  async makeRoot({ signal }: CallOptions): Promise<void> {
    const parts = this.#address.path.split("/").filter((part) => part !== "");
    const make = (depth: number): Promise<boolean> => this.#make(`/${parts.slice(0, depth).join("/")}/`, { signal });
    // From below: those far above may be closed to us.
    let depth = parts.length;
    while (depth > 0 && !(await make(depth))) depth--;
    for (depth++; depth <= parts.length; depth++) await make(depth);
  }

  /** Moves a file to its final name. Returns the status. */
  move(path: string, target: string, isOverwriting: boolean, { signal }: CallOptions): Promise<number> {
    const { protocol, hostname, port, path: base } = this.#address;
    const host = port === undefined ? hostname : `${hostname}:${port}`;
    const headers = { Destination: `${protocol}//${host}${base}${target}`, Overwrite: isOverwriting ? "T" : "F" };
    return this.call({ method: "MOVE", path, headers, signal }, async (answer) => {
      if (isSuccess(answer) || answer.status === 412) return answer.status;
      throw await this.refused(answer, target);
    });
  }

  /** Stores a file under a path; visible as it grows. Returns the status when the folder is missing. */
  put(path: string, key: FileKey, source: ByteSource, { signal }: CallOptions): Promise<number> {
    return this.call({ method: "PUT", path, body: { key, source }, signal }, async (answer) => {
      if (isSuccess(answer) || answer.status === 404 || answer.status === 409) return answer.status;
      throw await this.refused(answer, path);
    });
  }

  /** The folder and what is in it, or with depth 0 the path alone; `undefined` when there is none. */
  async entries(
    path: string,
    { signal, depth = "1" }: CallOptions & { depth?: "0" | "1" },
  ): Promise<DavEntry[] | undefined> {
    const request: HttpRequest = {
      method: "PROPFIND",
      path,
      headers: { Depth: depth, "Content-Type": "application/xml; charset=utf-8" },
      body: { key: NO_KEY, source: bytesSource(WHAT_IS_ASKED) },
      signal,
    };
    return this.call(request, async (answer) => {
      // Apache says 400 of a file that is named as a folder.
      if (answer.status === 404 || answer.status === 400) return undefined;
      if (answer.status !== 207) throw await this.refused(answer, path);
      const found: DavEntry[] = [];
      for await (const { fields } of readXmlEntries(answer.chunks(), new Set(["response"]), this.location)) {
        const entry = davEntry(fields);
        if (entry !== undefined) found.push(entry);
      }
      return found;
    });
  }

  async refused(answer: HttpAnswer, path: string): Promise<Error> {
    const { status } = answer;
    if (status === 404 || status === 409) {
      return storageError("STORAGE_NO_PLACE", {
        location: this.location,
        what: path === "" ? "the folder above" : path,
      });
    }
    if (status === 405 || status === 501) {
      return storageError("STORAGE_FAILED", {
        location: this.location,
        reason: `no WebDAV server answers there (${status})`,
      });
    }
    return fromStatus({
      location: this.location,
      path,
      status,
      // Servers describe errors in HTML or XML, which is nothing for people.
      text: "",
      hadCredentials: this.#client.hasCredentials,
      howToLogIn: HOW_TO_LOG_IN,
      redirect: answer.header("location"),
      retryAfterMs: answer.retryAfterMs,
    });
  }

  close(): void {
    this.#client.close();
  }

  /** Returns false when the folder above is missing. */
  #make(path: string, { signal }: CallOptions): Promise<boolean> {
    return this.#client.exchange({ method: "MKCOL", path, signal }, async (answer) => {
      if (answer.status === 404 || answer.status === 409) return false;
      // 405: there is something at this path already.
      if (!isSuccess(answer) && answer.status !== 405) throw await this.refused(answer, path);
      return true;
    });
  }
}

/** A success. */
export function isSuccess({ status }: { status: number }): boolean {
  return status >= 200 && status < 300;
}

function davEntry(fields: ReadonlyMap<string, string>): DavEntry | undefined {
  const last = (fields.get("href") ?? "").replace(/\/$/, "").split("/").at(-1);
  if (last === undefined) return undefined;
  const size = fields.get("propstat/prop/getcontentlength") ?? "";
  return {
    name: decoded(last),
    isFolder: fields.has("propstat/prop/resourcetype/collection"),
    sizeBytes: /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    modifiedAtMs: parseHttpDate(fields.get("propstat/prop/getlastmodified")),
  };
}

/** Milliseconds since 1970; `undefined` for what is no time. */
export function parseHttpDate(text: string | undefined): number | undefined {
  const atMs = Date.parse(text ?? "");
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** What cannot be decoded is no name of ours. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
