/** Options of backends, as they are given with `-o name=value`. */
import { splitWords } from "@holdfast/base";
import { storageError } from "./errors.ts";
import type { Surroundings } from "./location.ts";

/** All that backends look at, by what stands before the dot. */
const NAMES: Readonly<Record<string, string>> = {
  azure: "access-tier connections endpoint",
  local: "new require-mount volume",
  rclone: "args connections program timeout",
  rest: "connections",
  s3: "as-of bucket-lookup connections enable-restore region restore-days restore-tier restore-timeout retention-days retention-mode server-side-encryption sse-kms-key-id storage-class",
  sftp: "args command config connections host-key identity-file jump key-passphrase-file password-file strict-host-key-checking timeout",
  tls: "cacert client-cert insecure",
  webdav: "connections",
};
/** Of restic, in the settings of people who come from there: they tune what this program tunes by itself. */
const PASSED_OVER: ReadonlySet<string> = new Set(["local.connections", "gs.connections"]);

const KNOWN: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(NAMES).map(([scheme, names]) => [
    scheme,
    new Set(names.split(" ").map((name) => `${scheme}.${name}`)),
  ]),
);

/** True for the name of an option that some backend looks at. */
export function isKnownOption(option: string): boolean {
  return KNOWN.get(option.split(".", 1)[0] ?? "")?.has(option) === true;
}

/**
 * Refuses names that nobody looks at: a retention with a slip of the pen would protect nothing, and nobody would know.
 * @throws STORAGE_UNKNOWN_OPTION, which lists those of the same kind of place
 */
export function assertKnownOption(option: string): void {
  if (isKnownOption(option) || PASSED_OVER.has(option)) return;
  const ofScheme = KNOWN.get(option.split(".", 1)[0] ?? "");
  const known =
    ofScheme === undefined
      ? `names that begin with ${[...KNOWN.keys()].map((scheme) => `${scheme}.`).join(", ")}`
      : [...ofScheme].join(", ");
  throw storageError("STORAGE_UNKNOWN_OPTION", { option, known });
}

/** @throws STORAGE_INVALID_OPTION when it is no whole number between the bounds */
export function wholeNumberOption(
  option: string,
  surroundings: Surroundings,
  { least, most }: { least: number; most: number },
): number | undefined {
  const value = surroundings.option(option);
  if (value === undefined) return undefined;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  const expected = `give a whole number from ${least} to ${most}`;
  throw storageError("STORAGE_INVALID_OPTION", { option, value, expected });
}

/** A command, split into words as a shell would, but run without one. @throws STORAGE_INVALID_OPTION */
export function commandOption(option: string, value: string): string[] {
  const words = splitWords(value);
  if (words !== undefined) return words;
  const expected = "a quote is not closed, or a backslash stands at the end";
  throw storageError("STORAGE_INVALID_OPTION", { option, value, expected });
}
