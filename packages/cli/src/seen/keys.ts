/** Notices keys that came or went since this machine used the repository last. */
import { type Id, type Repository, describeKey, displayPath } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { formatGivenTime, formatLocalTime, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import { recall, remember } from "./seen-file.ts";

const MOST_NAMED = 5;

type Noticing = Pick<CommandContext, "output" | "signal" | "variables">;

/** Warns of them, once, and remembers what is there now. */
export async function noticeKeys(context: Noticing, repository: Repository): Promise<void> {
  const { config, keyIds } = repository;
  const seen = await recall(context, config.id);
  const known = new Set<Id>(seen?.keys);
  const added = keyIds.filter((id) => !known.has(id));
  const there = new Set<Id>(keyIds);
  const removed = [...known].filter((id) => !there.has(id));
  if (added.length + removed.length === 0) return;
  if (seen !== undefined && seen.keys.length > 0) {
    const parts = [
      ...(added.length === 0
        ? []
        : [`${plural(added.length, "key")} added: ${await named(repository, added, context)}`]),
      ...(removed.length === 0 ? [] : [`${plural(removed.length, "key")} removed: ${some(removed.map(shortId))}`]),
    ];
    const since = formatLocalTime(BigInt(Math.floor(seen.atMs)) * 1_000_000n);
    context.output.warn(
      `the keys of the repository are not those that this machine saw on ${since}: ${parts.join("; ")}. \`holdfast key list\` shows all. A key that nobody knows of lets somebody in`,
      { during: "open" },
    );
  }
  await remember(context, config.id, { newest: [], ...seen, atMs: Date.now(), keys: keyIds });
}

/** After this machine has changed them itself. */
export async function noteKeys(context: Noticing, repository: Repository): Promise<void> {
  const keys: Id[] = [];
  for await (const { id } of repository.files("key", { signal: context.signal })) keys.push(id);
  const { id } = repository.config;
  await remember(context, id, { newest: [], ...(await recall(context, id)), atMs: Date.now(), keys });
}

/** Key files are not sealed: what they say of themselves is what their maker wants it to be. */
async function named(repository: Repository, ids: readonly Id[], { signal }: Noticing): Promise<string> {
  const texts: string[] = [];
  for (const id of ids.slice(0, MOST_NAMED)) {
    const key = await describeKey(repository, id, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof Error) return undefined;
      throw error;
    });
    const by =
      key && ` by ${displayPath(key.username)}@${displayPath(key.hostname)} on ${formatGivenTime(key.created)}`;
    texts.push(`${shortId(id)} (${by === undefined ? "it cannot be read" : `made${by}, as it says`})`);
  }
  return some([...texts, ...ids.slice(MOST_NAMED).map(shortId)]);
}

function some(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST_NAMED).join(", ");
  return texts.length > MOST_NAMED ? `${shown} and ${texts.length - MOST_NAMED} more` : shown;
}
