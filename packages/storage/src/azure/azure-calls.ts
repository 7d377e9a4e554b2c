/** The calls of Azure's blob service that a repository needs. */
import type { HttpAnswer } from "../http/http-answer.ts";
import { HttpClient, type HttpPatience, type HttpRequest } from "../http/http-client.ts";
import { fromStatus } from "../http/http-errors.ts";
import type { HttpSettings } from "../http/http-settings.ts";
import { storageError } from "../errors.ts";
import type { AzureAccount } from "./azure-account.ts";
import type { AzurePlace } from "./azure-location.ts";
import { sharedKeyAuthorization } from "./shared-key.ts";

/** Large uploads in one request, and every service and emulator of the last years. */
const API_VERSION = "2021-12-02";

export interface AzureCallsOptions {
  readonly place: AzurePlace;
  readonly account: AzureAccount;
  readonly settings: HttpSettings;
  readonly patience?: Partial<HttpPatience>;
}

/** A signature is refused where the clocks are further apart. */
const MOST_SKEW_MS = 15 * 60_000;

/** A request to a blob, or to the container where `blob` is left out. */
export interface AzureRequest extends Omit<HttpRequest, "path"> {
  /** Name in the container. */
  readonly blob?: string;
  readonly query?: Readonly<Record<string, string>>;
}

export class AzureCalls {
  readonly location: string;
  readonly #account: AzureAccount;
  readonly #container: string;
  readonly #client: HttpClient;

  constructor({ place, account, settings, patience }: AzureCallsOptions) {
    const { endpoint } = account;
    this.location = place.shown;
    this.#account = account;
    this.#container = place.container;
    this.#client = new HttpClient({
      location: place.shown,
      protocol: endpoint.protocol === "https:" ? "https:" : "http:",
      hostname: endpoint.hostname,
      port: endpoint.port === "" ? undefined : Number(endpoint.port),
      settings,
      patience,
    });
  }

  send({ blob, query = {}, headers = {}, ...request }: AzureRequest): Promise<HttpAnswer> {
    const path = this.#pathOf(blob, query);
    const contentLength = request.body?.source.sizeBytes ?? 0;
    const signed: Record<string, string> = {
      ...headers,
      "x-ms-version": API_VERSION,
      "x-ms-date": new Date().toUTCString(),
    };
    const { name, key, signature } = this.#account;
    if (key !== undefined) {
      const { method } = request;
      signed["authorization"] = sharedKeyAuthorization(name, key, { method, path, headers: signed, contentLength });
      return this.#client.send({ ...request, path, headers: signed });
    }
    const joined = `${path}${path.includes("?") ? "&" : "?"}${signature?.reveal() ?? ""}`;
    return this.#client.send({ ...request, path: joined, headers: signed });
  }

  async call<T>(request: AzureRequest, use: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    return (await this.send(request)).handTo(use);
  }

  /** What an answer that is no success means. */
  refused(answer: HttpAnswer, path: string): Error {
    const code = answer.header("x-ms-error-code") ?? "";
    const { location } = this;
    if (code === "ContainerNotFound" || code === "ContainerBeingDeleted" || code === "ContainerDisabled") {
      return storageError("STORAGE_NO_PLACE", { location, what: `the container ${this.#container}` });
    }
    const isUnknown =
      /^(AuthenticationFailed|AuthorizationFailure|InvalidAuthenticationInfo|AccountIsDisabled|NoAuthenticationInformation)$/.test(
        code,
      );
    if (isUnknown) {
      return storageError("STORAGE_CREDENTIALS_REFUSED", {
        location,
        reason: `${code}${skewOf(answer.header("date"))}`,
      });
    }
    if (code === "AccountBeingCreated") return storageError("STORAGE_UNAVAILABLE", { location, reason: code });
    if (code === "BlobArchived" || code === "BlobBeingRehydrated") {
      const reason = `${path} is archived; bring it to another tier before it is read`;
      return storageError("STORAGE_FAILED", { location, reason });
    }
    if (answer.status === 404)
      return storageError("STORAGE_NO_PLACE", { location, what: path === "" ? "the container" : path });
    const { status, retryAfterMs } = answer;
    return fromStatus({ location, path, status, text: code, hadCredentials: true, howToLogIn: "", retryAfterMs });
  }

  close(): void {
    this.#client.close();
  }

  #pathOf(blob: string | undefined, query: Readonly<Record<string, string>>): string {
    const base = this.#account.endpoint.pathname.replace(/\/$/, "");
    const name = blob === undefined ? "" : `/${blob.split("/").map(encodeURIComponent).join("/")}`;
    const parameters = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    const container = encodeURIComponent(this.#container);
    return `${base}/${container}${name}${parameters.length === 0 ? "" : `?${parameters.join("&")}`}`;
  }
}

/** What the clocks have to do with a refusal; empty when they agree. */
function skewOf(serverDate: string | undefined): string {
  const aheadMs = Date.now() - Date.parse(serverDate ?? "");
  // No date is no number, which is not more than anything.
  if (!(Math.abs(aheadMs) > MOST_SKEW_MS)) return "";
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  return `; the clock of this machine is ${minutes} minutes ${aheadMs > 0 ? "ahead of" : "behind"} the server's: set it right`;
}
