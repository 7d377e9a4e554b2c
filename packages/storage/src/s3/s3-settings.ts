/** What the user has set for a bucket: the options `s3.…` and the variables of AWS that are no credentials. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { storageError } from "../errors.ts";
import type { Surroundings } from "../location.ts";
import type { S3Place } from "./s3-location.ts";

/** Files that are stored get this lock: for so many days nobody may delete them. */
export interface RetentionRule {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  readonly days: number;
}

/** Whether and how files in a cold class are asked for. */
export interface WarmUpRule {
  /** How long the copies stay that can be read. */
  readonly days: number;
  readonly tier: "Standard" | "Bulk" | "Expedited";
  /** How long one file is waited for. */
  readonly timeoutMs: number;
}

export interface S3Settings {
  readonly region: string;
  /** False when it is a guess, which an answer of the server may correct. */
  readonly isRegionKnown: boolean;
  /** `https://host/bucket/…` rather than `https://bucket.host/…`. */
  readonly isPathStyle: boolean;
  readonly isAws: boolean;
  readonly maxConcurrency: number;
  /** The same where the user has fixed it. */
  readonly mostConcurrency: number;
  readonly storageClass: string | undefined;
  readonly encryption: string | undefined;
  readonly kmsKeyId: string | undefined;
  readonly retention: RetentionRule | undefined;
  /** Absent where nothing is asked for. */
  readonly warmUp: WarmUpRule | undefined;
  /** Read the repository as it was then; milliseconds since 1970. */
  readonly asOfMs: number | undefined;
}

const AWS_HOST = /^s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/;
const OPTIONS = new Set([
  "region",
  "bucket-lookup",
  "connections",
  "storage-class",
  "server-side-encryption",
  "sse-kms-key-id",
  "retention-mode",
  "retention-days",
  "as-of",
  "enable-restore",
  "restore-days",
  "restore-tier",
  "restore-timeout",
]);
/** Enough for a link of 100 ms; each call may hold a connection and some pieces of 256 KiB. */
const CONNECTIONS = 16;
const MOST_CONNECTIONS = 64;

/** @throws STORAGE_INVALID_OPTION */
export async function s3Settings(place: S3Place, surroundings: Surroundings): Promise<S3Settings> {
  const option = (name: string): string | undefined => {
    if (!OPTIONS.has(name)) throw new Error(`s3.${name} is no option`);
    return surroundings.option(`s3.${name}`);
  };
  const isAws = AWS_HOST.test(place.host);
  const region = option("region") ?? regionInHost(place.host) ?? (await regionOfSurroundings(surroundings));
  const connections = wholeNumber("connections", option("connections"), 1, 1000);
  return {
    region: checked("region", region, /^[a-z0-9-]+$/i, "give a region such as eu-central-1") ?? defaultRegion(place),
    isRegionKnown: region !== undefined,
    isPathStyle: isPathStyle(option("bucket-lookup"), place, isAws),
    isAws,
    maxConcurrency: connections ?? CONNECTIONS,
    mostConcurrency: connections ?? MOST_CONNECTIONS,
    storageClass: checked("storage-class", option("storage-class"), /^[A-Z_]+$/, "give a class such as STANDARD_IA"),
    encryption: checked(
      "server-side-encryption",
      option("server-side-encryption"),
      /^(AES256|aws:kms|aws:kms:dsse)$/,
      "give AES256, aws:kms or aws:kms:dsse",
    ),
    kmsKeyId: checked("sse-kms-key-id", option("sse-kms-key-id"), /^[\x21-\x7e]+$/, "give the id of a key"),
    retention: retentionRule(option("retention-mode"), option("retention-days")),
    warmUp: warmUpRule(option),
    asOfMs: instant(option("as-of")),
  };
}

type Option = (name: string) => string | undefined;

const TIERS = ["Standard", "Bulk", "Expedited"] as const;
const HOUR_MS = 3_600_000;
const DURATION_MS: Readonly<Record<string, number>> = { m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS };

/** The options have restic's names and defaults. */
function warmUpRule(option: Option): WarmUpRule | undefined {
  const [enable, days, tierText, timeout] = ["enable-restore", "restore-days", "restore-tier", "restore-timeout"].map(
    option,
  );
  const isEnabled = checked("enable-restore", enable, /^(true|false|1|0)$/, "give true or false");
  const tier = TIERS.find((one) => one.toLowerCase() === (tierText ?? TIERS[0]).toLowerCase());
  if (tier === undefined) throw invalid("restore-tier", tierText ?? "", "give Standard, Bulk or Expedited");
  const rule = {
    days: wholeNumber("restore-days", days, 1, 30_000) ?? 7,
    tier,
    timeoutMs: timeoutMs("restore-timeout", timeout) ?? 24 * HOUR_MS,
  };
  if (isEnabled === "true" || isEnabled === "1") return rule;
  const useless = Object.entries({ days, tier: tierText, timeout }).find(([, value]) => value !== undefined);
  if (useless === undefined) return undefined;
  const [name, value = ""] = useless;
  throw invalid(
    `restore-${name}`,
    value,
    "it says how files come back from a cold class, which s3.enable-restore=true asks for",
  );
}

function timeoutMs(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, amount = "", unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms = Number(amount) * (DURATION_MS[unit] ?? 0);
  if (!(ms > 0)) throw invalid(name, text, "give a duration such as 12h or 2d");
  return ms;
}

function defaultRegion({ scheme }: S3Place): string {
  return scheme === "gs" ? "auto" : "us-east-1";
}

function regionInHost(host: string): string | undefined {
  return /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com/.exec(host)?.[1];
}

async function regionOfSurroundings({ variable, home }: Surroundings): Promise<string | undefined> {
  const named = variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION");
  if (named !== undefined) return named;
  const path = variable("AWS_CONFIG_FILE") ?? join(home, ".aws", "config");
  const text = await readFile(path, "utf8").catch(() => "");
  return regionInConfig(text, variable("AWS_PROFILE") ?? "default");
}

/** The region of a profile in AWS's shared configuration file. */
export function regionInConfig(text: string, profile: string): string | undefined {
  let isOurs = false;
  for (const line of text.split("\n")) {
    const section = /^\s*\[\s*(?:profile\s+)?["']?(.*?)["']?\s*\]/.exec(line)?.[1];
    if (section !== undefined) isOurs = section === profile;
    const region = /^\s*region\s*=\s*([^\s#;]+)/.exec(line)?.[1];
    if (isOurs && region !== undefined) return region;
  }
  return undefined;
}

/** Where the name of the bucket goes. Names with a dot fit no certificate of `*.host`. */
function isPathStyle(value: string | undefined, { scheme, bucket }: S3Place, isAws: boolean): boolean {
  const lookup = checked("bucket-lookup", value, /^(auto|dns|path)$/, "give auto, dns or path") ?? "auto";
  if (lookup !== "auto") return lookup === "path";
  return !(isAws || scheme === "gs") || bucket.includes(".");
}

function retentionRule(mode: string | undefined, days: string | undefined): RetentionRule | undefined {
  if (mode === undefined && days === undefined) return undefined;
  const upper = mode?.toUpperCase();
  if (upper !== "GOVERNANCE" && upper !== "COMPLIANCE") {
    throw invalid("retention-mode", mode ?? "", "give governance or compliance, and s3.retention-days");
  }
  const count = wholeNumber("retention-days", days, 1, 36_500);
  if (count === undefined)
    throw invalid("retention-days", "", "give a number of days, as there is a s3.retention-mode");
  return { mode: upper, days: count };
}

function instant(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid("as-of", text, "give a time with its zone, as in 2026-11-01T00:00:00Z");
  return ms;
}

function wholeNumber(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw invalid(name, text, `give a whole number from ${min} to ${max}`);
  return value;
}

function checked(name: string, value: string | undefined, form: RegExp, expected: string): string | undefined {
  if (value !== undefined && !form.test(value)) throw invalid(name, value, expected);
  return value;
}

function invalid(name: string, value: string, expected: string): Error {
  return storageError("STORAGE_INVALID_OPTION", { option: `s3.${name}`, value, expected });
}
