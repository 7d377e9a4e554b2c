/**
 * One bucket as the SDK reaches it. Every setting that the SDK would otherwise look up in the environment or in files of the
 * user is given here. It retries nothing: a decorator does.
 */
import { S3Client } from "@aws-sdk/client-s3";
import { isHoldfastError } from "@holdfast/base";
import type { HttpPatience } from "../http/http-client.ts";
import type { HttpSettings } from "../http/http-settings.ts";
import type { NamedBody } from "../http/send-body.ts";
import type { CredentialsSource } from "./s3-credentials.ts";
import { fromS3Error, isWrongRegion } from "./s3-errors.ts";
import type { S3Place } from "./s3-location.ts";
import type { S3Settings } from "./s3-settings.ts";
import { type S3Exchange, S3Transport } from "./s3-transport.ts";

export interface S3ConnectionOptions {
  readonly place: S3Place;
  readonly settings: S3Settings;
  readonly http: HttpSettings;
  readonly credentials: CredentialsSource;
  readonly patience?: Partial<HttpPatience>;
  /** By how much our clock is behind, as far as is known before the first answer. Default: 0. */
  readonly clockOffsetMs?: number;
}

/** What a call is about. */
export interface S3Call {
  readonly signal: AbortSignal;
  /** Relative to the repository, for messages. */
  readonly path: string;
  readonly body?: NamedBody;
  readonly keepsAnswer?: boolean;
}

/** Starts one request of the SDK. It may be called twice, so it makes a new command each time. */
type Start<O> = (client: S3Client, exchange: S3Exchange) => Promise<O>;

export class S3Connection {
  readonly bucket: string;
  readonly location: string;
  readonly settings: S3Settings;
  readonly #options: S3ConnectionOptions;
  readonly #transport: S3Transport;
  #region: string;
  #isRegionKnown: boolean;
  #client: S3Client | undefined;

  constructor(options: S3ConnectionOptions) {
    const { place, settings, http, patience } = options;
    this.bucket = place.bucket;
    this.location = place.shown;
    this.settings = settings;
    this.#options = options;
    this.#transport = new S3Transport({ location: place.shown, settings: http, patience });
    this.#region = settings.region;
    this.#isRegionKnown = settings.isRegionKnown;
  }

  /** The time by the server's clock, as far as it has said so. Milliseconds since 1970. */
  get serverNowMs(): number {
    return Date.now() + this.#transport.serverAheadMs;
  }

  /**
   * Makes one request, and a second one where the first shows in which region the bucket is. `refine` may look at what came
   * back before anything else does; it returns the error to throw, or nothing.
   * @throws what `fromS3Error` and the HTTP client make of failures, and the reason of an abort
   */
  async call<O>(
    call: S3Call,
    start: Start<O>,
    refine?: (error: unknown, exchange: S3Exchange) => Error | undefined,
  ): Promise<{ output: O; exchange: S3Exchange }> {
    const { signal, body, keepsAnswer } = call;
    for (;;) {
      signal.throwIfAborted();
      const exchange: S3Exchange = {
        abortSignal: signal,
        ...(body === undefined ? {} : { body }),
        ...(keepsAnswer === undefined ? {} : { keepsAnswer }),
      };
      try {
        return { output: await start(this.#clientNow(), exchange), exchange };
      } catch (error) {
        exchange.answer?.release();
        signal.throwIfAborted();
        if (exchange.failure !== undefined) throw exchange.failure.error;
        if (isHoldfastError(error)) throw error;
        if (this.#learnRegion(error, exchange)) continue;
        throw refine?.(error, exchange) ?? this.#translate(error, exchange, call);
      }
    }
  }

  /** Closes all connections. */
  close(): void {
    this.#client?.destroy();
    this.#client = undefined;
    this.#transport.close();
  }

  #translate(error: unknown, { status, headers = {} }: S3Exchange, { path }: S3Call): Error {
    const { location, bucket } = this;
    return fromS3Error(error, { location, bucket, region: this.#region, path, status, headers });
  }

  #learnRegion(error: unknown, { status, headers }: S3Exchange): boolean {
    const region = headers?.["x-amz-bucket-region"];
    if (this.#isRegionKnown || region === undefined || region === this.#region) return false;
    // A request that is refused for its region may say so by 400 without more, as an answer to HEAD has no body.
    if (!isWrongRegion(error, { status }) && status !== 400) return false;
    if (!/^[a-z0-9-]+$/.test(region)) return false;
    this.#region = region;
    this.#isRegionKnown = true;
    this.#client?.destroy();
    this.#client = undefined;
    return true;
  }

  #clientNow(): S3Client {
    const { credentials, settings, clockOffsetMs = 0 } = this.#options;
    this.#client ??= new S3Client({
      endpoint: this.#endpoint(),
      ignoreConfiguredEndpointUrls: true,
      region: this.#region,
      forcePathStyle: settings.isPathStyle,
      credentials,
      requestHandler: this.#transport.handler,
      systemClockOffset: clockOffsetMs,
      maxAttempts: 1,
      retryMode: "standard",
      defaultsMode: "standard",
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      authSchemePreference: ["sigv4"],
      sigv4aSigningRegionSet: [this.#region],
      useArnRegion: false,
      disableMultiregionAccessPoints: true,
      disableS3ExpressSessionAuth: true,
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      userAgentAppId: async () => undefined,
    });
    return this.#client;
  }

  /** AWS has a host for each region; the one without a region serves one of them only. */
  #endpoint(): string {
    const { place, settings } = this.#options;
    const isGeneral = settings.isAws && /^s3\.amazonaws\.com(\.cn)?$/.test(place.host);
    const host = isGeneral ? place.host.replace("s3.", `s3.${this.#region}.`) : place.host;
    return `${place.protocol}//${host}`;
  }
}
