/**
 * Whether the server really decides by itself that a name is taken (`If-None-Match: *`). Some accept the header and ignore it,
 * so it is tried once: an empty object is stored under a name of its own until the server refuses to store it again.
 */
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { CallOptions } from "../backend.ts";
import { storageError } from "../errors.ts";
import type { S3Connection } from "./s3-connection.ts";

/** Relative to the repository. The object stays: whoever comes next asks once instead of twice. */
const PUT_PROBE = "holdfast/put-probe";

export class ConditionalWrites {
  readonly #connection: S3Connection;
  readonly #objectKey: string;
  #isProven: boolean | undefined;

  constructor(connection: S3Connection, prefix: string) {
    this.#connection = connection;
    this.#objectKey = `${prefix}${PUT_PROBE}`;
  }

  /** False until it has been tried. */
  get isProven(): boolean {
    return this.#isProven === true;
  }

  /** Tries it, unless that was done. Who may not write there gets `false`. @throws what calls throw */
  async prove(options: CallOptions): Promise<boolean> {
    this.#isProven ??= (await this.#isRefused(options)) || (await this.#isRefused(options));
    return this.#isProven;
  }

  async #isRefused({ signal }: CallOptions): Promise<boolean> {
    const input = {
      Bucket: this.#connection.bucket,
      Key: this.#objectKey,
      Body: "",
      ContentLength: 0,
      IfNoneMatch: "*",
    };
    const refused = storageError("STORAGE_EXISTS", { location: this.#connection.location, type: "probe", name: "" });
    const unable = storageError("STORAGE_FAILED", {
      location: this.#connection.location,
      reason: "no conditional writes",
    });
    try {
      await this.#connection.call(
        { signal, path: PUT_PROBE },
        (client, exchange) => client.send(new PutObjectCommand(input), exchange),
        (_error, { status }) => {
          if (status === 412) return refused;
          return status === 400 || status === 403 || status === 501 ? unable : undefined;
        },
      );
      return false;
    } catch (error) {
      if (error === refused) return true;
      if (error === unable) return false;
      throw error;
    }
  }
}
