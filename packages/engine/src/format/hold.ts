/**
 * Holds: which snapshots must stay whatever a policy says, why, and by whose word. A kind of document of Holdfast's own
 * (docs/format.md, "Holds"). Decoding is strict: a field that is not known could narrow what the hold means.
 */
import { goJsonString } from "./go-json.ts";
import { parseGoTime } from "./go-time.ts";
import { isId, type Id } from "./id.ts";
import { JsonFields, parseJson } from "./json-fields.ts";

/** Which snapshots a hold is for. Each criterion that is given must be met; without any it is for all snapshots. */
export interface HoldSelector {
  readonly hosts?: readonly string[];
  /** All of these must be among the snapshot's paths. */
  readonly paths?: readonly string[];
  /** Any of the lists, all tags within one; an empty list means "no tags". */
  readonly tags?: readonly (readonly string[])[];
  /** These snapshots, and what was made of them by changing tags or the like. */
  readonly ids?: readonly Id[];
  /** Taken at this time or later; nanoseconds since 1970. */
  readonly fromNs?: bigint;
  /** Taken at this time or earlier. */
  readonly toNs?: bigint;
}

/** What is stored in a hold's file. */
export interface HoldFields {
  readonly selector: HoldSelector;
  readonly reason: string;
  readonly owner: string;
  /** The day on which somebody should look whether it is still needed, `YYYY-MM-DD`. It stays in force after that. */
  readonly reviewOn: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
}

const VERSION = 1;
const KNOWN = new Set(["version", "created", "selector", "reason", "owner", "review_on"]);
const KNOWN_OF_SELECTOR = new Set(["hosts", "paths", "tags", "ids", "from", "to"]);

/** The JSON that is stored. */
export function encodeHold({ selector, reason, owner, reviewOn, createdAtMs }: HoldFields): Uint8Array {
  const { hosts = [], paths = [], tags = [], ids = [], fromNs, toNs } = selector;
  const criteria: string[] = [];
  if (hosts.length > 0) criteria.push(`"hosts":${textsJson(hosts)}`);
  if (paths.length > 0) criteria.push(`"paths":${textsJson(paths)}`);
  if (tags.length > 0) criteria.push(`"tags":[${tags.map(textsJson).join(",")}]`);
  if (ids.length > 0) criteria.push(`"ids":${textsJson(ids)}`);
  if (fromNs !== undefined) criteria.push(`"from":"${instantText(fromNs)}"`);
  if (toNs !== undefined) criteria.push(`"to":"${instantText(toNs)}"`);
  const created = new Date(createdAtMs).toISOString();
  let json = `{"version":${VERSION},"created":"${created}","selector":{${criteria.join(",")}},`;
  json += `"reason":${goJsonString(reason)},"owner":${goJsonString(owner)},"review_on":${goJsonString(reviewOn)}}`;
  return Buffer.from(json);
}

/** Reads a hold. @throws ENGINE_MALFORMED, also for fields that are not known */
export function decodeHold(json: Uint8Array, what = "a hold"): HoldFields {
  const fields = new JsonFields(parseJson(json, what), what);
  const version = fields.integer("version", { min: 1, max: Number.MAX_SAFE_INTEGER });
  if (version !== VERSION) throw fields.malformed(`it is of version ${version}, which a newer Holdfast made`);
  requireKnown(fields, KNOWN);
  const reviewOn = fields.text("review_on");
  if (!isDate(reviewOn)) throw fields.malformed(`"review_on" is not a date`);
  return {
    selector: decodeSelector(fields.object("selector")),
    reason: fields.text("reason"),
    owner: fields.text("owner"),
    reviewOn,
    createdAtMs: Number(instant(fields, "created") / 1_000_000n),
  };
}

/** True for a day of the calendar as `YYYY-MM-DD`. */
export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && parseGoTime(`${text}T00:00:00Z`) !== undefined;
}

function decodeSelector(fields: JsonFields): HoldSelector {
  requireKnown(fields, KNOWN_OF_SELECTOR);
  const hosts = fields.texts("hosts");
  const paths = fields.texts("paths");
  const tags = fields.textLists("tags");
  const ids = fields.texts("ids").map((text) => {
    if (!isId(text)) throw fields.malformed(`"ids" holds something that is not an id`);
    return text;
  });
  return {
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(paths.length > 0 ? { paths } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(ids.length > 0 ? { ids } : {}),
    ...(fields.has("from") ? { fromNs: instant(fields, "from") } : {}),
    ...(fields.has("to") ? { toNs: instant(fields, "to") } : {}),
  };
}

function requireKnown(fields: JsonFields, known: ReadonlySet<string>): void {
  const [unknown] = Object.keys(fields.others(known));
  if (unknown !== undefined) throw fields.malformed(`it has a field ${JSON.stringify(unknown)}, which is not known`);
}

function instant(fields: JsonFields, name: string): bigint {
  const ns = parseGoTime(fields.text(name));
  if (ns === undefined) throw fields.malformed(`"${name}" is not a time`);
  return ns;
}

function instantText(ns: bigint): string {
  return new Temporal.Instant(ns).toString();
}

function textsJson(texts: readonly string[]): string {
  return `[${texts.map(goJsonString).join(",")}]`;
}
