/** Buckets, as restic writes them: `s3:host/bucket/prefix`, `s3:https://host:port/bucket/prefix`, `gs:bucket:/prefix`. */
import { storageError } from "../errors.ts";
import type { Location, Surroundings } from "../location.ts";
import type { Backend } from "../backend.ts";

/** A bucket and a folder in it. */
export interface S3Place {
  readonly scheme: "s3" | "gs";
  readonly protocol: "http:" | "https:";
  /** With the port, where one was given. */
  readonly host: string;
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  /** For people and messages. */
  readonly shown: string;
}

const GOOGLE = "storage.googleapis.com";
/** No slash, and no character that could lead elsewhere; S3 itself is stricter. */
const BUCKET = /^[A-Za-z0-9._-]{1,255}$/;
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** What follows `s3:`. @throws STORAGE_INVALID_LOCATION, which repeats nothing of it */
export function s3Location(rest: string): Location {
  return locationOf(parseS3Place(rest));
}

/** What follows `gs:`, reached by the interface that is compatible with S3. @throws STORAGE_INVALID_LOCATION */
export function googleLocation(rest: string): Location {
  const match = /^([^/:]+):\/?(.*)$/s.exec(rest);
  if (match === null) throw invalid("gs", "it is written gs:bucket:/folder");
  return locationOf(placeOf("gs", "https:", GOOGLE, `${match[1]}/${match[2]}`));
}

function locationOf(place: S3Place): Location {
  const open = async (surroundings: Surroundings): Promise<Backend> => {
    const { openS3 } = await import("./open-s3.ts");
    return openS3(place, surroundings);
  };
  return { scheme: place.scheme, shown: place.shown, open };
}

/** @throws STORAGE_INVALID_LOCATION */
export function parseS3Place(rest: string): S3Place {
  if (/^https?:/.test(rest)) {
    const url = URL.parse(rest);
    if (url === null || !/^https?:\/\/[^/]/.test(rest))
      throw invalid("s3", "it is written s3:https://host/bucket/folder");
    if (url.username !== "" || url.password !== "")
      throw invalid("s3", "keys do not stand in an address; set AWS_ACCESS_KEY_ID");
    if (url.search !== "" || url.hash !== "")
      throw invalid("s3", "an address has neither ? nor #; write %3F and %23 in a folder");
    return placeOf("s3", url.protocol === "http:" ? "http:" : "https:", url.host, decoded(url.pathname.slice(1)));
  }
  const bare = rest.startsWith("//") ? rest.slice(2) : rest;
  const slash = bare.indexOf("/");
  if (slash < 0) throw invalid("s3", "the bucket is missing; it is written s3:host/bucket/folder");
  return placeOf("s3", "https:", bare.slice(0, slash), bare.slice(slash + 1));
}

function placeOf(scheme: "s3" | "gs", protocol: "http:" | "https:", host: string, path: string): S3Place {
  if (!HOST.test(host)) throw invalid(scheme, "the host is missing, or is none");
  const [bucket = "", ...folders] = path.split("/");
  if (!BUCKET.test(bucket)) throw invalid(scheme, "the bucket is missing, or is none");
  const names = folders.filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw invalid(scheme, "a folder in a bucket has no '..'");
  if (/\p{Cc}/u.test(path)) throw invalid(scheme, "a folder in a bucket has no control characters");
  const prefix = names.length === 0 ? "" : `${names.join("/")}/`;
  const folder = prefix.slice(0, -1);
  const shown =
    scheme === "gs"
      ? `gs:${bucket}:/${folder}`
      : `s3:${protocol === "http:" ? "http://" : ""}${host}/${bucket}${folder === "" ? "" : `/${folder}`}`;
  return { scheme, protocol, host, bucket, prefix, shown };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid("s3", "a percent sign in a folder is written %25");
  }
}

function invalid(scheme: string, reason: string): Error {
  return storageError("STORAGE_INVALID_LOCATION", { location: `${scheme}:…`, reason });
}
