/** Opens a bucket; loads the SDK. Nothing is sent yet. */
import type { Backend } from "../backend.ts";
import { httpSettings } from "../http/http-settings.ts";
import type { Surroundings } from "../location.ts";
import { S3Backend } from "./s3-backend.ts";
import { S3Past } from "./s3-past.ts";
import { S3Connection } from "./s3-connection.ts";
import { credentialsSource } from "./s3-credentials.ts";
import type { S3Place } from "./s3-location.ts";
import { s3Settings } from "./s3-settings.ts";

/** @throws STORAGE_INVALID_OPTION, STORAGE_NO_CREDENTIALS */
export async function openS3(place: S3Place, surroundings: Surroundings): Promise<Backend> {
  const settings = await s3Settings(place, surroundings);
  const credentials = credentialsSource(place, settings, surroundings);
  const connection = new S3Connection({ place, settings, http: await httpSettings(surroundings), credentials });
  if (settings.asOfMs !== undefined) return new S3Past(connection, place.prefix, settings.asOfMs);
  return new S3Backend(connection, place.prefix);
}
